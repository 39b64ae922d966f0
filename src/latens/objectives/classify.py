"""Name the class, by cross-entropy over the head's scores."""

from __future__ import annotations

import torch.nn.functional as F

from latens.data.batches import Batch
from latens.nn.model import Model
from latens.objectives._step import Step
from latens.spec import ClassifySpec


class Classify:
    """`loss` is the cross-entropy in nats without smoothing, `accuracy` the share that is right."""

    metric = "accuracy"

    def __init__(self, spec: ClassifySpec) -> None:
        self.label_smoothing = spec.label_smoothing

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch; every image must have a label."""
        assert batch.labels is not None, "classification needs labels"
        logits = model.class_logits(batch.images).float()
        plain = F.cross_entropy(logits, batch.labels)
        right = (logits.argmax(1) == batch.labels).sum()
        sums = {"loss": (plain.detach() * len(batch), len(batch)), "accuracy": (right, len(batch))}
        if not (self.label_smoothing and model.training):
            return Step(plain, sums)
        smooth = F.cross_entropy(logits, batch.labels, label_smoothing=self.label_smoothing)
        return Step(smooth, sums)

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Accuracy first; between equal accuracies the lower loss."""
        return (values["accuracy"], -values["loss"])


build = Classify
