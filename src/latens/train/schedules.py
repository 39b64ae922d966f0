"""Learning-rate schedules: a factor of the peak rate that follows from the step alone."""

from __future__ import annotations

import math
from collections.abc import Callable


def factor(schedule: str, step: int, total: int) -> float:
    """The learning rate at `step` (from 0) of `total`, as a fraction of its peak."""
    return _SCHEDULES[schedule](step / max(1, total))


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
}
