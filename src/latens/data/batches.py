"""Batches: uint8 images that become floats in [0, 1] on the training device, not before.

A set that fits lies on the device as uint8 and is gathered there; a larger one (a pack) is read a
batch at a time, some batches ahead, in a thread that runs while the training computes. The order of
an epoch follows from (seed, epoch) and from nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from latens.data.ahead import ahead
from latens.data.image_set import ImageSet
from latens.data.on_disk import AT_ONCE, Rows
from latens.seeds import fold

_RESIDENT_FRACTION = 0.5  # of the accelerator's free memory; the rest is for the training itself
_AHEAD = 2  # batches that are read before they are asked for


@dataclass(frozen=True)
class Batch:
    """`images` float32 `[B, C, H, W]` in [0, 1], channels-last; `labels` int64 `[B]` or None."""

    images: Tensor
    labels: Tensor | None

    def __len__(self) -> int:
        return len(self.images)


class Batches:
    """The images at `index` (int64 `[M]`) of a set, in batches on a device.

    A last batch of a single image joins the one before it, because batch normalisation cannot
    work with one value.
    """

    def __init__(
        self,
        images: ImageSet,
        index: npt.NDArray[np.int64],
        batch_size: int,
        device: torch.device,
        *,
        seed: int = 0,
    ) -> None:
        self.index = torch.from_numpy(np.ascontiguousarray(index))
        self.batch_size = batch_size
        self.device = device
        self.seed = seed
        self._images: Tensor | Rows = Rows(images.images)
        self._shape = images.shape
        self._labels = None
        if images.labels is not None:
            self._labels = torch.from_numpy(np.ascontiguousarray(images.labels)).to(device)
        if device.type == "cuda":
            self._upload()
        elif not isinstance(images.images, np.memmap):
            # torch warns of tensors over read-only memory and refuses arrays that run backwards.
            self._images = torch.from_numpy(np.require(images.images, requirements=["C", "W"]))

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.steps(self.batch_size)

    def steps(self, size: int) -> int:
        """Batches in an epoch where a batch has `size` images."""
        full, rest = divmod(len(self.index), size)
        return max(1, full + (rest > 1))

    @property
    def examples(self) -> int:
        """Images in an epoch."""
        return len(self.index)

    def epoch(self, epoch: int, start: int = 0, size: int | None = None) -> Iterator[Batch]:
        """The batches of this epoch from batch `start` on, in their drawn order.

        `size` images a batch instead of `batch_size`; the order of the images stays the same.
        """
        size = size or self.batch_size
        draw = torch.Generator().manual_seed(fold(self.seed, "order", epoch))
        order = self.index[torch.randperm(len(self.index), generator=draw)]
        steps = range(start, self.steps(size))
        yield from self._batches(order[self._slice(step, size)] for step in steps)

    def in_order(self, numbers: Iterable[int] | None = None) -> Iterator[Batch]:
        """All batches once, in the order of the index; or those of these `numbers`."""
        steps = range(len(self)) if numbers is None else numbers
        return self._batches(self.index[self._slice(step, self.batch_size)] for step in steps)

    def _slice(self, step: int, size: int) -> slice:
        last = step == self.steps(size) - 1
        return slice(step * size, None if last else (step + 1) * size)

    def _upload(self) -> None:
        """Keep the images of this index, and no others, on the accelerator if they fit there."""
        free, _ = torch.cuda.mem_get_info(self.device)
        size = math.prod(self._shape)
        if size * len(self.index) > free * _RESIDENT_FRACTION:
            return
        shape = (len(self.index), *self._shape)
        held = torch.empty(shape, dtype=torch.uint8, device=self.device)
        step = max(1, AT_ONCE // size)
        for start in range(0, len(held), step):
            _, part = self._read(self.index[start : start + step])
            held[start : start + step] = part
        self._images = held
        self._labels = None if self._labels is None else self._labels[self.index.to(self.device)]
        self.index = torch.arange(len(self.index))

    def _batches(self, indices: Iterable[Tensor]) -> Iterator[Batch]:
        if isinstance(self._images, Tensor):
            for index in indices:
                yield self._batch(self._images[index.to(self.device)], index)
            return
        for index, chosen in ahead(self._read, indices, _AHEAD):
            yield self._batch(chosen.to(self.device, non_blocking=True), index)

    def _read(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The index, and its images from disk."""
        assert isinstance(self._images, Rows)
        chosen = torch.from_numpy(self._images[index.numpy()])
        return index, chosen.pin_memory() if self.device.type == "cuda" else chosen

    def _batch(self, chosen: Tensor, index: Tensor) -> Batch:
        images = chosen.to(memory_format=torch.channels_last).float().div_(255)
        labels = None if self._labels is None else self._labels[index.to(self.device)]
        return Batch(images, labels)
