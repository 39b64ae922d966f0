"""One random rectangle an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from latens.corrupt._draws import uniform

ELONGATION = math.log(3)  # the longer side is up to 3 times the shorter, as in random erasing


def rectangles(x_BCHW: Tensor, share_B: Tensor, generator: torch.Generator) -> Tensor:
    """bool `[B, 1, H, W]`, true in a rectangle of about `share_B` (0 to 1) of the image's area.

    Its shape is drawn first, evenly in the logarithm of height by width; then its place, so that
    it lies inside. The area is as near as whole pixels allow.
    """
    height, width = x_BCHW.shape[2:]
    ratio = uniform(x_BCHW, generator, -ELONGATION, ELONGATION).exp_()
    # A share too large for its shape takes all of one side and `share` of the other.
    high = (share_B * ratio).sqrt().clamp(max=1).maximum(share_B)
    high = (high * height).round().clamp(min=1)
    wide = (share_B * (height * width) / high).round().clamp(max=width)
    rows = _inside(height, high, uniform(x_BCHW, generator, 0, 1))
    columns = _inside(width, wide, uniform(x_BCHW, generator, 0, 1))
    return rows[:, None, :, None] & columns[:, None, None, :]


def _inside(side: int, length_B: Tensor, place_B: Tensor) -> Tensor:
    """bool `[B, side]`, true in a stretch of `length_B`; `place_B` 0 is the start, 1 the end."""
    start = (place_B * (side + 1 - length_B)).floor()
    at = torch.arange(side, device=length_B.device)
    return (at >= start[:, None]) & (at < (start + length_B)[:, None])
