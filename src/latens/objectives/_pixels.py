"""The error of reconstructed pixels, counted an image at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from latens.metrics import Sums
from latens.objectives._step import Step
from latens.spec import Loss


def pixel_step(
    logits_BCHW: Tensor,
    target_BCHW: Tensor,
    loss: Loss,
) -> Step:
    """The mean over pixels and then over images, of squared errors or of cross-entropy in nats.

    `mse` is counted for both losses, because it is what reconstructions are compared by.
    """
    count, logits_BCHW = len(target_BCHW), logits_BCHW.float()
    mse = F.mse_loss(torch.sigmoid(logits_BCHW), target_BCHW)
    sums: Sums = {"mse": (mse.detach() * count, count)}
    if loss == "mse":
        return Step(mse, sums)
    bce = F.binary_cross_entropy_with_logits(logits_BCHW, target_BCHW)
    return Step(bce, {**sums, "bce": (bce.detach() * count, count)})
