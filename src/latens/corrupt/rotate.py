"""Rotate about the middle."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from latens.corrupt._draws import uniform
from latens.corrupt._warp import warp

KIND = "augmentation"

ANGLE = math.radians(30)  # the most in RandAugment (Cubuk et al. 2020)


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Rotate each image by its own angle, drawn uniformly; pixels from outside are black.

    At strength 1 by up to 30 degrees either way.
    """
    if not strength:
        return x_BCHW
    angle = uniform(x_BCHW, generator, -ANGLE * strength, ANGLE * strength)
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    maps = torch.stack([cos, -sin, none, sin, cos, none], dim=1)
    return warp(x_BCHW, maps.view(-1, 2, 3))
