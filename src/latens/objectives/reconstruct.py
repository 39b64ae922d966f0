"""Give the image back: mean squared error, or binary cross-entropy a pixel."""

from __future__ import annotations

from torch import Tensor

from latens.data.batches import Batch
from latens.nn.model import Model
from latens.objectives._pixels import pixel_step
from latens.objectives._step import Step
from latens.spec import ReconstructSpec


class Reconstruct:
    """`mse` is the squared error of pixels in [0, 1], averaged over pixels, then over images."""

    metric = "mse"

    def __init__(self, spec: ReconstructSpec, class_counts: Tensor | None = None) -> None:
        self.loss = spec.loss

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch; with `bce` its loss is counted beside the `mse`."""
        return pixel_step(
            model.pixel_logits(batch.images), batch.images, self.loss, squash=model.squash
        )

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Less squared error is better, whatever the loss was."""
        return (-values["mse"],)


build = Reconstruct
