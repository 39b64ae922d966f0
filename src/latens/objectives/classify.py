"""Name the class, by cross-entropy over the head's scores."""

from __future__ import annotations

from torch import Tensor

from latens.data.batches import Batch
from latens.nn.model import Model
from latens.objectives._corrupt import corrupted, require_corruptions
from latens.objectives._scores import Scores
from latens.objectives._step import Step
from latens.spec import ClassifySpec


class Classify:
    """`loss` is the cross-entropy in nats without smoothing, `accuracy` the share that is right."""

    metric = "accuracy"

    def __init__(self, spec: ClassifySpec, class_counts: Tensor | None = None) -> None:
        require_corruptions(spec.corruptions)
        self.corruptions = spec.corruptions
        self.scores = Scores(spec.balance, spec.label_smoothing, class_counts)

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch; images without a label are not counted."""
        assert batch.labels is not None, "classification needs labels"
        images = corrupted(batch.images, self.corruptions) if self.corruptions else batch.images
        return self.scores.step(model.class_logits(images), batch.labels, training=model.training)

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Accuracy first; between equal accuracies the lower loss."""
        return (values["accuracy"], -values["loss"])


build = Classify
