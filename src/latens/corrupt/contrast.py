"""Flatter or starker."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import uniform

KIND = "augmentation"

CHANGE = 0.9  # factors from 0.1 to 1.9, as in AutoAugment (Cubuk et al. 2019)


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Multiply each image's distance to its mean grey by its own factor, and clip to [0, 1].

    At strength 1 the factor is drawn uniformly from 0.1 to 1.9.
    """
    if not strength:
        return x_BCHW
    change = CHANGE * strength
    factor = uniform(x_BCHW, generator, 1 - change, 1 + change)[:, None, None, None]
    mean = x_BCHW.mean((1, 2, 3), keepdim=True)
    return torch.addcmul(mean * (1 - factor), x_BCHW, factor).clamp_(0, 1)
