"""Give the clean image back from a corrupted one (Vincent et al. 2008)."""

from __future__ import annotations

from torch import Tensor

from latens.data.batches import Batch
from latens.nn.model import Model
from latens.objectives._corrupt import corrupted, require_corruptions
from latens.objectives._pixels import pixel_step
from latens.objectives._step import Step
from latens.spec import DenoiseSpec


class Denoise:
    """`mse` is the squared error against the clean image; images are noisy in validation too."""

    metric = "mse"

    def __init__(self, spec: DenoiseSpec, class_counts: Tensor | None = None) -> None:
        require_corruptions(spec.corruptions)
        self.loss = spec.loss
        self.corruptions = spec.corruptions

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch, corrupted anew each time."""
        noisy = corrupted(batch.images, self.corruptions)
        return pixel_step(model.pixel_logits(noisy), batch.images, self.loss, squash=model.squash)

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Less squared error is better, whatever the loss was."""
        return (-values["mse"],)


build = Denoise
