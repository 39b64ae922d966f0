"""What every objective gives back for a batch."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

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


def even_share(total: Tensor) -> Tensor:
    """`total`, a sum over a batch; where the batch is one process's slice of a larger one, the sum
    over the larger one times the slice's share of it. No gradient goes through it.

    A loss that is a mean over images needs no such thing. One that divides by something else, such
    as the number of labelled images, or that asks whether a mean is above a bound, asks for it
    here, so that several processes learn the same as one.
    """
    if has_torch_function_unary(total):
        shared: Tensor = handle_torch_function(even_share, (total,), total)
        return shared
    return total
