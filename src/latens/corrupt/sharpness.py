"""Blurred or sharpened."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import uniform
from latens.corrupt._rows import images, one_a_plane, rows

KIND = "augmentation"

CHANGE = 0.9  # factors from 0.1 to 1.9, as in AutoAugment (Cubuk et al. 2019)


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Multiply each pixel's distance to its neighbourhood by a factor an image, and clip.

    The neighbourhood is 3x3 with weight 5 in the middle and 1 around, as in Pillow; pixels on the
    edge stay. At strength 1 the factor is drawn uniformly from 0.1 (blurred) to 1.9.
    """
    if not strength:
        return x_BCHW
    change = CHANGE * strength
    x_NHW, step = rows(x_BCHW)
    more = one_a_plane(uniform(x_BCHW, generator, -change, change), len(x_NHW))
    sharp = x_NHW.clone()
    inner = sharp[:, 1:-1, step:-step]
    inner.addcmul_(details(x_NHW, step), more).clamp_(0, 1)
    return images(sharp, step, x_BCHW.shape[1])


def details(x_NHW: Tensor, step: int) -> Tensor:
    """What the neighbourhood does not tell of each inner pixel, `[N, H - 2, (W - 2) * step]`.

    x - (sum of nine + 4 x) / 13; sums of whole rows are quicker than a convolution here.
    """
    three = (x_NHW[:, :-2] + x_NHW[:, 1:-1]).add_(x_NHW[:, 2:])
    nine = (three[:, :, : -2 * step] + three[:, :, step:-step]).add_(three[:, :, 2 * step :])
    return nine.sub_(x_NHW[:, 1:-1, step:-step], alpha=9).mul_(-1 / 13)
