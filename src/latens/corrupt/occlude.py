"""Something black in front of the picture."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import Strength, is_zero, per_image
from latens.corrupt._rectangle import rectangles

KIND = "corruption"


def apply(x_BCHW: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Cover about the share `strength` of the image's area by one black rectangle.

    At strength 1 all of the image is black.
    """
    if is_zero(strength):
        return x_BCHW
    hidden = rectangles(x_BCHW, per_image(strength, x_BCHW), generator)
    return x_BCHW * (~hidden).to(x_BCHW.dtype)
