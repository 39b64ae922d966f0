"""The image set: what every source gives and everything else takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from latens.errors import DataError

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
        digest = hashlib.sha256(
            f"{self.images.shape} {self.test_start} {self.class_names}".encode()
        )
        for start in range(0, len(self), 4096):
            digest.update(np.ascontiguousarray(self.images[start : start + 4096]).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def with_notes(self, *notes: str) -> ImageSet:
        """The same set with more said about its way in."""
        told = replace(self, notes=(*self.notes, *notes))
        if "fingerprint" in self.__dict__:  # it does not depend on notes: spare the second reading
            told.__dict__["fingerprint"] = self.fingerprint
        return told
