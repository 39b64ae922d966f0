"""The error of reconstructed pixels, counted an image at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from latens.metrics import Sums
from latens.nn.fused import native
from latens.objectives._step import Step
from latens.spec import Loss

_LEAST = 1e-6  # of a pixel that may lie outside [0, 1], where its logarithm would not be finite


def pixel_step(
    logits_BCHW: Tensor,
    target_BCHW: Tensor,
    loss: Loss,
    *,
    squash: bool = True,
) -> Step:
    """The mean over pixels and then over images, of squared errors or of cross-entropy in nats.

    `mse` is counted for both losses, because it is what reconstructions are compared by. Without
    `squash` the logits are pixels already (`Model.squash`).
    """
    count, logits_BCHW = len(target_BCHW), logits_BCHW.float()
    mse = _squared_error(logits_BCHW, target_BCHW, squash)
    sums: Sums = {"mse": (mse.detach() * count, count)}
    if loss == "mse":
        return Step(mse, sums)
    if squash:
        bce = F.binary_cross_entropy_with_logits(logits_BCHW, target_BCHW)
    else:
        bce = cross_entropy(logits_BCHW, target_BCHW, squash).mean()
    return Step(bce, {**sums, "bce": (bce.detach() * count, count)})


def _squared_error(logits_BCHW: Tensor, target_BCHW: Tensor, squash: bool) -> Tensor:
    """The mean over all pixels."""
    ops = native.ops() if squash else None
    if ops is not None and ops.squared_error_of_logits_applies(logits_BCHW, target_BCHW):
        total: Tensor = ops.squared_error_of_logits(logits_BCHW, target_BCHW)
        return total / target_BCHW.numel()
    return F.mse_loss(torch.sigmoid(logits_BCHW) if squash else logits_BCHW, target_BCHW)


def cross_entropy(logits_BCHW: Tensor, target_BCHW: Tensor, squash: bool) -> Tensor:
    """The binary cross-entropy of each pixel in nats, `[B, C, H, W]`."""
    if squash:
        return F.binary_cross_entropy_with_logits(logits_BCHW, target_BCHW, reduction="none")
    inside = logits_BCHW.clamp(_LEAST, 1 - _LEAST)
    return F.binary_cross_entropy(inside, target_BCHW, reduction="none")
