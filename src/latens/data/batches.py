"""Batches: uint8 images that become floats in [0, 1] on the training device, not before.

A set that fits lies on the device as uint8 and is gathered there; a larger one (a memory map) is
read a batch at a time. The order of an epoch follows from (seed, epoch) and from nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from latens.data.image_set import ImageSet
from latens.seeds import fold

_RESIDENT_FRACTION = 0.5  # of the accelerator's free memory; the rest is for the training itself


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
        self._images: Tensor | npt.NDArray[np.uint8] = images.images
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
        for step in range(start, self.steps(size)):
            yield self._batch(order[self._slice(step, size)])

    def in_order(self) -> Iterator[Batch]:
        """All batches once, in the order of the index."""
        return map(self.at, range(len(self)))

    def at(self, step: int) -> Batch:
        """Batch number `step` of those in the order of the index."""
        return self._batch(self.index[self._slice(step, self.batch_size)])

    def _slice(self, step: int, size: int) -> slice:
        last = step == self.steps(size) - 1
        return slice(step * size, None if last else (step + 1) * size)

    def _upload(self) -> None:
        """Keep the images of this index, and no others, on the accelerator if they fit there."""
        free, _ = torch.cuda.mem_get_info(self.device)
        index = self.index.numpy()
        if math.prod(self._images.shape[1:]) * len(index) > free * _RESIDENT_FRACTION:
            return
        self._images = torch.from_numpy(np.asarray(self._images[index])).to(self.device)
        self._labels = None if self._labels is None else self._labels[self.index.to(self.device)]
        self.index = torch.arange(len(index))

    def _batch(self, index: Tensor) -> Batch:
        if isinstance(self._images, Tensor):
            chosen = self._images[index.to(self.device)]
        else:
            chosen = torch.from_numpy(np.asarray(self._images[index.numpy()])).to(self.device)
        images = chosen.to(memory_format=torch.channels_last).float().div_(255)
        labels = None if self._labels is None else self._labels[index.to(self.device)]
        return Batch(images, labels)
