"""Views of an image: what a classifier's scores are the mean over, where it is not trained.

Elsewhere called test-time augmentation. A network that learned from mirrored or shifted images
errs a little differently on each of them, and the mean of their scores errs less.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from latens.choices import Views

COUNTS: dict[Views, int] = {"none": 1, "mirror": 2, "shift": 5, "both": 10}
PLACES = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))  # the middle first


def views(x_BCHW: Tensor, kind: Views) -> list[Tensor]:
    """The images; `mirror`: also left to right; `shift`: also a pixel up, down, left and right,
    with black where they came from; `both`: all of these, mirrored and not."""
    height, width = x_BCHW.shape[2:]
    found = [x_BCHW]
    if kind in ("shift", "both"):
        padded = F.pad(x_BCHW, (1, 1, 1, 1))
        found = [padded[:, :, top : top + height, left : left + width] for top, left in PLACES]
    if kind in ("mirror", "both"):
        found += [view.flip(3) for view in found]
    return found
