"""Give the image back: mean squared error, or binary cross-entropy a pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from latens.data.batches import Batch
from latens.nn.model import Model
from latens.objectives._step import Step
from latens.spec import ReconstructSpec


class Reconstruct:
    """`mse` is the squared error of pixels in [0, 1], averaged over pixels, then over images."""

    metric = "mse"

    def __init__(self, spec: ReconstructSpec) -> None:
        self.loss = spec.loss

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch; with `bce` its loss is counted beside the `mse`."""
        logits = model.pixel_logits(batch.images).float()
        mse = F.mse_loss(torch.sigmoid(logits), batch.images)
        sums = {"mse": (mse.detach() * len(batch), len(batch))}
        if self.loss == "mse":
            return Step(mse, sums)
        bce = F.binary_cross_entropy_with_logits(logits, batch.images)
        return Step(bce, {**sums, "bce": (bce.detach() * len(batch), len(batch))})

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Less squared error is better, whatever the loss was."""
        return (-values["mse"],)


build = Reconstruct
