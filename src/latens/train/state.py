"""What a training is in the middle of: enough to go on from exactly there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from latens.metrics import Totals

_TENSORS = ("totals", "best", "last", "average")


@dataclass
class State:
    """Where the training stands.

    `phase`, `epoch` and `step` count from 0 and name what comes next; `updates` counts optimiser
    updates over all phases. `best_score` and `best` belong to the best epoch on validation of the
    phase, `stale` counts validations since, `drops` how often a plateau has lowered the rate.
    `average` is the running mean of the weights over the `averaged` updates of the phase. `native`
    says whether the training began with the native kernels, whose last digits are their own.

    At the end of all phases the model has the weights that `keep` names; the others, where they
    differ, are in `best` or in `last`.
    """

    phase: int = 0
    epoch: int = 0
    step: int = 0
    updates: int = 0
    seconds: float = 0.0
    keep: str = "best"
    native: bool = False
    best_score: tuple[float, ...] | None = None
    best_epoch: int = 0
    stale: int = 0
    drops: int = 0
    averaged: int = 0
    totals: Totals = field(default_factory=Totals)
    best: dict[str, Tensor] = field(default_factory=dict)
    last: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)

    def begin_phase(self, phase: int) -> None:
        """Start a phase afresh; the best of the phase before is forgotten."""
        self.phase, self.epoch, self.step = phase, 0, 0
        self.best_score, self.best_epoch, self.stale = None, 0, 0
        self.drops, self.averaged = 0, 0
        self.totals, self.best, self.last, self.average = Totals(), {}, {}, {}

    def begin_epoch(self, epoch: int) -> None:
        """Start an epoch afresh."""
        self.epoch, self.step, self.totals = epoch, 0, Totals()

    def numbers(self) -> dict[str, Any]:
        """Everything that is not a tensor, as JSON."""
        plain = {name: value for name, value in vars(self).items() if name not in _TENSORS}
        return {**plain, "counts": self.totals.counts}
