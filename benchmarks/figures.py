"""What the rounds of a block come to: medians of ratios within rounds, lowest and highest.

A block here is what `race.race` returned, as it stands in the file of results.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

BlockOfRounds = dict[str, Any]
Round = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Spread:
    """A median over rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float


def spread(values: Iterable[float]) -> Spread | None:
    """None of nothing: a contestant that was left out has no figure."""
    known = list(values)
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def steady(round_: Round, name: str) -> float:
    """Seconds for the images of a round in the midst of an epoch: what an epoch costs once (a
    pipeline that is made, a validation, a copy of the weights) is in both of its times."""
    return round_[name]["whole"] - round_[name]["single"]


def speed(block: BlockOfRounds, name: str) -> Spread | None:
    """Images a second."""
    return spread(block["images"] / steady(r, name) for r in block["rounds"] if name in r)


def ratio(block: BlockOfRounds, name: str, against: str) -> Spread | None:
    """How many times as fast as the other in the same round."""
    return spread(
        steady(r, against) / steady(r, name) for r in block["rounds"] if name in r and against in r
    )


def cost(block: BlockOfRounds, name: str, bare: str) -> Spread | None:
    """The share of time that an epoch of `name` takes more than one of `bare` in the same round.

    With what it costs once: an epoch here is shorter than most, so that this is rather too much.
    """
    return spread(
        r[name]["whole"] / r[bare]["whole"] - 1 for r in block["rounds"] if name in r and bare in r
    )


def of_peak(block: BlockOfRounds, name: str, flops: int) -> Spread | None:
    """The network's operations a second, as a share of the peak.

    The peak of a round is the mean of those measured just before and just after it.
    """
    peaks = [(a + b) / 2 * 1e9 for a, b in zip(block["peaks"], block["peaks"][1:], strict=False)]
    return spread(
        block["images"] * flops / steady(r, name) / peak
        for r, peak in zip(block["rounds"], peaks, strict=False)
        if name in r
    )
