"""Learning-rate schedules: a factor of the peak rate.

It follows from how far the phase has come, in epochs and their fractions, so that a batch size
that grows changes the steps of an epoch and not the shape of the curve. `plateau` follows from
the validations besides: from how often `drops` has said yes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

PLATEAU_FACTOR = 0.3
PLATEAU_PATIENCE = 3


def factor(schedule: str, done: float, total: float, drops: int = 0) -> float:
    """The learning rate at `done` of `total` epochs or steps, as a fraction of its peak."""
    return _SCHEDULES[schedule](done / max(1, total)) * PLATEAU_FACTOR**drops


def drops(schedule: str, stale: int) -> bool:
    """Whether the rate drops now that `stale` validations in a row brought no better score."""
    return schedule == "plateau" and stale > 0 and stale % PLATEAU_PATIENCE == 0


def _one_cycle(t: float) -> float:
    """Up from 1/25 in the first fifth, down to 0, both by cosine (Smith 2018, in its shape)."""
    warm = 0.2
    if t < warm:
        return 1 / 25 + (1 - 1 / 25) * _cosine(1 - t / warm)
    return _cosine((t - warm) / (1 - warm))


def _linear(t: float) -> float:
    """Up in the first tenth, then down to 0, both in straight lines."""
    warm = 0.1
    return max(0.05, t / warm) if t < warm else (1 - t) / (1 - warm)


def _cosine(t: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * t))


_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda t: 1.0,
    "cosine": _cosine,
    "linear": _linear,
    "one-cycle": _one_cycle,
    "plateau": lambda t: 1.0,
}
