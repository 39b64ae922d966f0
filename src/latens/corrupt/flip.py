"""Mirror images left to right."""

from __future__ import annotations

import torch
from torch import Tensor

KIND = "augmentation"


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Mirror each image with probability `strength` / 2."""
    if not strength:
        return x_BCHW
    draws = torch.rand(len(x_BCHW), generator=generator, device=x_BCHW.device)
    mirrored = (draws < strength / 2)[:, None, None, None]
    return torch.where(mirrored, x_BCHW.flip(3), x_BCHW)
