"""A running mean of the weights, which often validates better than the weights themselves.

An exponential mean (Polyak and Juditsky 1992 averaged evenly) whose decay after update t is
min(decay, (1 + t) / (10 + t)). So a short training, or the beginning of a long one, averages over
about its last tenth instead of clinging to its random start; dividing by 1 - decay^t, as Adam
does, would forget the start's zeros but keep all of the early weights in an even mean.

The running statistics of batch normalisation are averaged alike, which needs no pass over the data.
Measuring them anew for the averaged weights, over 30 batches, was no better: validation accuracy
98.68 against 98.70 % (plain weights 97.58 %), MSE 0.00512 against 0.00510 (plain 0.00669), after 3
and 2 epochs of 10,000 MNIST digits at a constant rate with decay 0.99.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from latens.train.state import State


class Average:
    """The mean of what a phase moves; it lies in `state.average`. Decay 0 does nothing at all."""

    def __init__(self, decay: float, model: nn.Module, state: State) -> None:
        self._decay = decay
        self._state = state
        live = _moving(model) if decay else {}
        held = state.average
        state.average = {n: torch.empty_like(p).copy_(held.get(n, p)) for n, p in live.items()}
        self._live, self._means = list(live.values()), list(state.average.values())

    def update(self) -> None:
        """Count one more update of the weights; one fused operation, no copies."""
        if self._decay:
            self._state.averaged += 1
            done = self._state.averaged
            decay = min(self._decay, (1 + done) / (10 + done))
            torch._foreach_lerp_(self._means, self._live, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the model has the averaged weights, afterwards the plain ones again."""
        plain = [tensor.clone() for tensor in self._live]
        self.settle()
        try:
            yield
        finally:
            _copy(self._live, plain)

    def settle(self) -> None:
        """The model takes the averaged weights for good."""
        _copy(self._live, self._means)


def _moving(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that move and the running statistics, as tensors that share their memory."""
    parameters = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    statistics = {n: b for n, b in model.named_buffers() if b.is_floating_point()}
    return {**parameters, **statistics}


def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
