"""What every objective gives back for a batch."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from latens.data.batches import Batch
from latens.metrics import Sums
from latens.nn.model import Model


class Step(NamedTuple):
    """The loss of a batch (a scalar tensor) and the sums that its metrics are made of."""

    loss: Tensor
    sums: Sums


class Objective(Protocol):
    """See `latens.objectives`."""

    metric: str

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch."""
        ...

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Larger is better."""
        ...
