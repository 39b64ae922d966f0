"""Salt and pepper: pixels that are lost to white or black."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import Strength, bits, column, is_zero

KIND = "corruption"


def apply(x_BCHW: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Replace each pixel, all of its channels, with probability `strength`: half by 0, half by 1.

    At strength 1 nothing of the image is left.
    """
    if is_zero(strength):
        return x_BCHW
    count, _, height, width = x_BCHW.shape
    draws = bits((count, 1, height, width), generator)
    kept = (draws.to(x_BCHW.dtype) >= column(strength) * 2**16 - 2**15).to(x_BCHW.dtype)
    white = (draws & 1).to(x_BCHW.dtype)
    # Quicker than torch.where, which is slow with a mask that all channels share.
    return torch.addcmul(white.addcmul_(white, kept, value=-1), x_BCHW, kept)
