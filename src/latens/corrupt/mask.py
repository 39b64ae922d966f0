"""Black patches on a grid."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import Strength, is_zero, per_image

KIND = "corruption"

PATCHES = 7  # along the shorter side, or a few more: patches of 4 pixels in MNIST and CIFAR-10


def apply(x_BCHW: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Make the share `strength` of an image's patches black, rounded to whole patches.

    At strength 1 all of the image is black.
    """
    if is_zero(strength):
        return x_BCHW
    height, width = x_BCHW.shape[2:]
    side = max(1, min(height, width) // PATCHES)
    high, wide = -(-height // side), -(-width // side)
    kept = _kept(per_image(strength, x_BCHW), high * wide, generator).to(x_BCHW.dtype)
    grid = kept.view(-1, 1, high, 1, wide, 1).expand(-1, 1, high, side, wide, side)
    return x_BCHW * grid.reshape(-1, 1, high * side, wide * side)[:, :, :height, :width]


def _kept(share_B: Tensor, patches: int, generator: torch.Generator) -> Tensor:
    """bool `[B, patches]`, false in exactly the rounded share of each row."""
    draws = torch.rand(len(share_B), patches, generator=generator, device=share_B.device)
    ranks = draws.argsort(1).argsort(1)
    return ranks >= (share_B * patches).round()[:, None]
