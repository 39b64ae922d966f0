"""Random erasing (Zhong et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import uniform
from latens.corrupt._rectangle import rectangles

KIND = "augmentation"

LARGEST = 0.4  # of the area, and for every second image, as in the paper


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Fill a rectangle of every second image, by chance, with uniform noise.

    At strength 1 its area is drawn uniformly from 0 to 40 % of the image.
    """
    if not strength:
        return x_BCHW
    most = LARGEST * strength
    share = uniform(x_BCHW, generator, -most, most).clamp_(min=0)
    erased = rectangles(x_BCHW, share, generator).to(x_BCHW.dtype)
    # One picture of noise serves the whole batch, for speed; the next batch has another.
    noise = torch.rand(x_BCHW.shape[1:], generator=generator, device=x_BCHW.device)
    return torch.lerp(x_BCHW, noise.to(x_BCHW.dtype), erased)
