"""Repeated-seed statistics and the verdict they lead to; numpy and scipy only, no torch."""

from latens.stats.bootstrap import bootstrap_interval
from latens.stats.inference import (
    Difference,
    Interval,
    crossed_interval,
    crossed_paired_difference,
    difference_in_differences,
    holm,
    mcnemar,
    mean_interval,
    paired_difference,
    proportion_interval,
    split_paired_difference,
    within_possible,
)
from latens.stats.power import detectable, power_sentence, seeds_needed
from latens.stats.verdicts import Verdict, sentence, verdict

__all__ = [
    "Difference",
    "Interval",
    "Verdict",
    "bootstrap_interval",
    "crossed_interval",
    "crossed_paired_difference",
    "detectable",
    "difference_in_differences",
    "holm",
    "mcnemar",
    "mean_interval",
    "paired_difference",
    "power_sentence",
    "proportion_interval",
    "seeds_needed",
    "sentence",
    "split_paired_difference",
    "verdict",
    "within_possible",
]
