"""Repeated-seed statistics and the verdict they lead to; numpy and scipy only, no torch."""

from latens.stats.inference import (
    Difference,
    Interval,
    bootstrap_interval,
    crossed_paired_difference,
    holm,
    mcnemar,
    mean_interval,
    paired_difference,
    seeds_needed,
)
from latens.stats.verdicts import Verdict, sentence, verdict

__all__ = [
    "Difference",
    "Interval",
    "Verdict",
    "bootstrap_interval",
    "crossed_paired_difference",
    "holm",
    "mcnemar",
    "mean_interval",
    "paired_difference",
    "seeds_needed",
    "sentence",
    "verdict",
]
