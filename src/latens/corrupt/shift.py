"""Shift by whole pixels, with black where the image came from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from latens.corrupt._windows import margins, random_windows

KIND = "augmentation"

SHARE = 0.25


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Shift each image up or down and left or right; what comes in is black.

    At strength 1 by up to a quarter of the side each way, so at 0.5 by the 4 pixels that are usual
    for CIFAR-10.
    """
    down, right = margins(x_BCHW, SHARE * strength)
    if not (down or right):
        return x_BCHW
    padded = F.pad(x_BCHW, (right, right, down, down))
    return random_windows(padded, down, right, generator)
