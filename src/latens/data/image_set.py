"""The image set: what every source gives and everything else takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.data.duplicates import Hashes, hashes
from latens.data.on_disk import Pixels, chunks
from latens.errors import DataError
from latens.progress import Progress, silent

UNLABELLED = -1


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, perhaps with labels, perhaps with an official test part at the end.

    Attributes:
        images: uint8 ``[N, C, H, W]``, 0 to 255, ``C`` from 1 to 4; may be a memory map.
        labels: int64 ``[N]``, indices into `class_names`, -1 where an image has none; or None.
        class_names: one name a class, in the order of the label numbers; empty without labels.
        name: what a person would call it (``"mnist"``).
        test_start: images from this index on are the official test part; None if there is none.
        notes: what was done on the way in (converted sizes, skipped files), one sentence each.
        skipped: names of files that could not be read and are not in `images`.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    name: str = "images"
    test_start: int | None = None
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise DataError(
                f"Expected uint8 images [N, C, H, W]; got {self.images.dtype} "
                f"of shape {self.images.shape}.",
                hint="Convert with (x * 255).astype('uint8') and add the channel axis.",
                code="not-images",
            )
        if not len(self.images):
            raise DataError(
                f"Expected at least one image; {self.name} has none.",
                hint="Check the path, and that it holds images of a known format.",
                code="no-images",
            )
        if not 1 <= self.images.shape[1] <= 4:
            raise DataError(
                f"Expected 1 to 4 channels; got {self.images.shape[1]}.",
                hint="The layout is [N, C, H, W]; use --channels 1 or 3 to convert pictures.",
                code="bad-channels",
            )
        if self.labels is not None and len(self.labels) != len(self.images):
            raise DataError(
                f"Expected one label an image; got {len(self.images)} images "
                f"and {len(self.labels)} labels.",
                hint="Images and labels must come from the same set.",
                code="counts-disagree",
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def train_count(self) -> int:
        """How many images stand before the official test part."""
        return len(self) if self.test_start is None else self.test_start

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over shape, pixels, labels, names and the place of the test part (64 hex digits).

        Read in chunks, so that a memory-mapped set is never in memory as a whole.
        """
        told = _Fingerprint(self)
        for _, chunk in chunks(self.images):
            told.update(chunk)
        return told.ended()

    @cached_property
    def hashes(self) -> Hashes:
        """16 bytes an image ``[N]``, the same for images of the same bytes. A pack has them."""
        return hashes(self.images)

    def read_again(self, progress: Progress = silent) -> ImageSet:
        """The same set, its `hashes` and `fingerprint` worked out from its pixels, read once."""
        fresh, told = replace(self), _Fingerprint(self)
        return fresh.knowing(
            hashes=hashes(self.images, progress, told.update), fingerprint=told.ended()
        )

    def knowing(self, **known: Any) -> ImageSet:
        """This set, told its `fingerprint` or `hashes`: then its pixels need not be read."""
        # functools documents that a cached_property keeps its value in the instance's __dict__
        self.__dict__.update(known)
        return self

    def with_notes(self, *notes: str) -> ImageSet:
        """The same set with more said about its way in."""
        known = {n: vars(self)[n] for n in ("fingerprint", "hashes") if n in vars(self)}
        return replace(self, notes=(*self.notes, *notes)).knowing(**known)


class _Fingerprint:
    """The sha256 of an image set, whose pixels are given chunk by chunk."""

    def __init__(self, images: ImageSet) -> None:
        self._labels = images.labels
        begin = f"{images.images.shape} {images.test_start} {images.class_names}"
        self._digest = hashlib.sha256(begin.encode())

    def update(self, chunk: Pixels) -> None:
        """The next images, contiguous in memory."""
        self._digest.update(chunk.data)

    def ended(self) -> str:
        """After all images: 64 hex digits."""
        if self._labels is not None:
            self._digest.update(np.ascontiguousarray(self._labels).data)
        return self._digest.hexdigest()
