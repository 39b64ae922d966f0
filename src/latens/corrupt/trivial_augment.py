"""TrivialAugment (Müller and Hutter 2021): one random operation an image, at a random strength."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt import affine, brightness, contrast, equalise, rotate, sharpness, shift
from latens.corrupt._rows import in_memory_order

KIND = "augmentation"

OPERATIONS = (None, shift, rotate, affine, brightness, contrast, sharpness, equalise)


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Do to each image nothing, or one of: shift, rotate, affine, brightness, contrast, sharpness,
    equalise. Every one is equally likely, and draws its own direction and strength uniformly, at
    `strength` 1 up to its own strength 1.

    The batch is shuffled and cut into equal parts, one an operation, so that nothing waits for
    numbers from the device. The operations take turns at being first (by the generator's seed):
    where the parts cannot be equal, the first ones are larger.
    """
    if not strength:
        return x_BCHW
    order = torch.randperm(len(x_BCHW), generator=generator, device=x_BCHW.device)
    turn = generator.initial_seed() % len(OPERATIONS)
    operations = OPERATIONS[turn:] + OPERATIONS[:turn]
    parts = _picked(x_BCHW, order).tensor_split(len(operations))
    done = [
        part if operation is None or not len(part) else operation.apply(part, strength, generator)
        for operation, part in zip(operations, parts, strict=True)
    ]
    return _picked(torch.cat(done), order.argsort())


def _picked(x_BCHW: Tensor, order: Tensor) -> Tensor:
    """The images in this order, in the same memory layout; twice as quick as `x_BCHW[order]`."""
    ordered = in_memory_order(x_BCHW)
    picked = ordered.index_select(0, order)
    return picked if ordered is x_BCHW else picked.permute(0, 3, 1, 2)
