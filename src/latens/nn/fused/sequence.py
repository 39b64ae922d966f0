"""A sequence of layers that lets neighbours work together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from latens.nn.fused import drop, enlarge, norm, patch, thin, winograd

Layers = Sequence[nn.Module]
Run = Callable[[Layers, Tensor], Tensor]
"""Does what the layers do, one after the other."""
Join = Callable[[Layers], tuple[int, Run] | None]
"""Of the layers still to come: how many of the first can be taken together, and how."""

_JOINS: tuple[Join, ...] = (
    enlarge.join, norm.join, drop.join, patch.join, thin.join, winograd.join,
)  # fmt: skip


class Fused(nn.Sequential):
    """`nn.Sequential`, with the same children and the same weights, in fewer operations."""

    _plan: list[tuple[int, int, Run]] | None = None

    def forward(self, x: Tensor) -> Tensor:
        layers = list(self)
        if self._plan is None or self._plan[-1][1] != len(layers):
            self._plan = _plan(layers)
        for start, stop, run in self._plan:
            x = run(layers[start:stop], x)
        return x


def _plan(layers: list[nn.Module]) -> list[tuple[int, int, Run]]:
    plan: list[tuple[int, int, Run]] = [(0, 0, _nothing)]
    start = 0
    while start < len(layers):
        found = (join(layers[start:]) for join in _JOINS)
        count, run = next(filter(None, found), (1, _alone))
        plan.append((start, start + count, run))
        start += count
    return plan


def _nothing(layers: Layers, x: Tensor) -> Tensor:
    return x


def _alone(layers: Layers, x: Tensor) -> Tensor:
    output: Tensor = layers[0](x)
    return output


def named_stages(stages: dict[str, list[nn.Module]]) -> nn.Sequential:
    """An encoder: a chain of stages that can be asked for by name.

    A stage must leave its input as it was, because a head may read the same features.
    """
    chain = ((name, Fused(*layers)) for name, layers in stages.items())
    return nn.Sequential(OrderedDict[str, nn.Module](chain))
