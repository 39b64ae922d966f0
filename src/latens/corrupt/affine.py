"""Random rotation, scale, shear and shift of each image of a batch, by bilinear sampling."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from latens.corrupt._warp import warp

KIND = "augmentation"

ROTATION = math.radians(12)
SHEAR = 0.15
SCALE = 0.12
SHIFT = 0.10  # of the image's side


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Move each image by its own affine map; pixels from outside are black.

    At strength 1: rotation within 12 degrees, shear within 0.15, scale within 12 %, shift within
    10 % of the side, each drawn uniformly.
    """
    if not strength:
        return x_BCHW
    return warp(x_BCHW, _maps(x_BCHW, strength, generator))


def _maps(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """One inverse map an image, float `[B, 2, 3]` in the units of `affine_grid`."""
    draws = torch.rand(6, len(x_BCHW), generator=generator, device=x_BCHW.device)
    u = (draws * 2 - 1) * strength
    angle, shear = u[0] * ROTATION, u[1] * SHEAR
    wide, high = 1 + u[2] * SCALE, 1 + u[3] * SCALE
    right, down = u[4] * 2 * SHIFT, u[5] * 2 * SHIFT  # the grid is 2 wide
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack([cos * wide, (shear * cos - sin) * high, right], dim=1)
    second = torch.stack([sin * wide, (shear * sin + cos) * high, down], dim=1)
    return torch.stack([first, second], dim=1)
