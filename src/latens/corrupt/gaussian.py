"""Gaussian noise on every pixel and channel."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import Strength, column, is_zero, normal

KIND = "corruption"


def apply(x_BCHW: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Add normal noise whose standard deviation is `strength`, and clip to [0, 1].

    At strength 1 the deviation is the whole range from black to white.
    """
    if is_zero(strength):
        return x_BCHW
    return normal(x_BCHW, generator).mul_(column(strength)).add_(x_BCHW).clamp_(0, 1)
