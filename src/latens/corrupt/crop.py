"""Pad by reflection and crop: a shift without a black edge, for photographs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from latens.corrupt._windows import margins, random_windows

KIND = "augmentation"

SHARE = 0.125


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Cut a window of the same size from each image, mirrored beyond its edges.

    At strength 1 it is padded by an eighth of the side: 4 pixels for CIFAR-10, as is usual there
    (He et al. 2016; by reflection, Zagoruyko and Komodakis 2016).
    """
    down, right = margins(x_BCHW, SHARE * strength)
    if not (down or right):
        return x_BCHW
    padded = F.pad(x_BCHW, (right, right, down, down), mode="reflect")
    return random_windows(padded, down, right, generator)
