"""Reconstruct and classify at once, from one pass through one encoder."""

from __future__ import annotations

from torch import Tensor

from latens.data.batches import Batch
from latens.nn.head import Head
from latens.nn.model import Model
from latens.objectives._corrupt import corrupted, require_corruptions
from latens.objectives._pixels import pixel_step
from latens.objectives._scores import Scores
from latens.objectives._step import Step
from latens.spec import JointSpec


class Joint:
    """`mse` is over all images, `accuracy` and `loss` (the cross-entropy) over the labelled."""

    metric = "accuracy"

    def __init__(self, spec: JointSpec, class_counts: Tensor | None = None) -> None:
        require_corruptions(spec.corruptions)
        self.spec = spec
        self.scores = Scores(spec.balance, spec.label_smoothing, class_counts)

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch; images without a label are only reconstructed."""
        assert batch.labels is not None, "joint training needs labels"
        specs = self.spec.corruptions
        pixels, scores = model.both_logits(
            corrupted(batch.images, specs) if specs else batch.images
        )
        given = pixel_step(pixels, batch.images, self.spec.loss, squash=model.squash)
        named = self.scores.step(scores, batch.labels, training=model.training)
        return Step(self._weighed(model, given.loss, named.loss), {**given.sums, **named.sums})

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Accuracy first; then the lower cross-entropy, then the lower squared error."""
        return (values.get("accuracy", 0.0), -values.get("loss", 0.0), -values["mse"])

    def _weighed(self, model: Model, given: Tensor, named: Tensor) -> Tensor:
        """The sum with fixed weights, or with learned ones: w L - log(w) / 2 for each loss L.

        Kendall et al. 2018, equation 7, with w for their 1 / sigma^2 (regression: 1 / 2 sigma^2,
        which differs by a constant). The head holds log w, so that it moves and is saved with it.
        """
        if not self.spec.learned:
            return self.spec.reconstruct_weight * given + self.spec.classify_weight * named
        assert isinstance(model.head, Head) and model.head.log_weights is not None
        first, second = model.head.log_weights.unbind()
        loss: Tensor = first.exp() * given + second.exp() * named - (first + second) / 2
        return loss


build = Joint
