"""Power: how many seeds a paired test over seeds needs, and what a number of seeds can show.

Both count the spread over seeds alone. A test set that is too small stays too small, however many
seeds are run on it. Differences are fractions (0.021), never points.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from latens.errors import UsageError, plural
from latens.stats.inference import finite_values

MOST = 10_000  # seeds; an effect that needs more is not told in numbers
_STEEP = 20.0  # standard deviations: as good as none, two or three seeds find it
_MIDPOINTS = (np.arange(4000) + 0.5) / 4000


def seeds_needed(
    differences: npt.ArrayLike, sd: float | None = None, power: float = 0.8, alpha: float = 0.05
) -> int:
    """The least number of seeds with which a two-sided paired t-test finds this difference.

    `differences` are paired, one a seed, [S], S >= 2; their mean is taken for the true one and
    their standard deviation for the true spread, so that the answer is itself uncertain: with five
    seeds by a factor of two or so. With `sd` it is a single difference whose spread is known.
    By the noncentral t distribution (Cohen 1988, chapter 2). Raises `UsageError`
    (``bad-effect``) if no number of seeds would do.
    """
    difference, sd = _effect(differences, sd)
    if not (difference and np.isfinite(difference) and sd >= 0 and alpha < power < 1):
        raise UsageError(
            f"Expected a difference other than 0, sd >= 0 and power between alpha and 1; "
            f"got difference {difference}, sd {sd}, power {power}, alpha {alpha}.",
            hint="Give the smallest difference that would matter to you.",
            code="bad-effect",
        )
    effect = _STEEP if sd == 0 else min(abs(difference) / sd, _STEEP)
    enough = 4
    while _power(enough, effect, alpha) < power:
        enough *= 2
    return 2 + bisect_left(range(2, enough), power, key=lambda n: _power(n, effect, alpha))


def detectable(seeds: int, sd: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest difference that a paired t-test over `seeds` finds with this `power`.

    The inverse of `seeds_needed`: `sd` is the standard deviation of the paired differences.
    Raises `UsageError` (``bad-effect``) for fewer than two seeds.
    """
    if not (seeds >= 2 and sd >= 0 and alpha < power < 1):
        raise UsageError(
            f"Expected at least 2 seeds, sd >= 0 and power between alpha and 1; "
            f"got {seeds} seeds, sd {sd}, power {power}, alpha {alpha}.",
            hint="Use --seeds 5 or more.",
            code="bad-effect",
        )
    high = 1.0
    while _power(seeds, high, alpha) < power:
        high *= 2
    effect = optimize.brentq(lambda e: _power(seeds, e, alpha) - power, 0.0, high)
    return float(effect) * sd


def power_sentence(differences: npt.ArrayLike, power: float = 0.8, alpha: float = 0.05) -> str:
    """What as many seeds could have shown, and what this difference would need, in points.

    >>> print(power_sentence([0.004, 0.001, 0.006, -0.002, 0.003]))
    5 seeds find a difference of 0.5 points 4 times in 5; one of 0.2 points needs 15 seeds
    """
    values = finite_values(differences, 1)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    seeds = len(values)
    least = detectable(seeds, sd, power, alpha)
    chance = "4 times in 5" if power == 0.8 else f"{power:.0%} of the time"
    opening = f"{plural(seeds, 'seed')} find a difference of {_points(least)} {chance}"
    if not mean or sd < 1e-12:
        return opening
    few = _power(MOST, min(abs(mean) / sd, _STEEP), alpha) >= power
    needed = f"{seeds_needed(mean, sd, power, alpha):,}" if few else f"more than {MOST:,}"
    return f"{opening}; one of {_points(abs(mean))} needs {needed} seeds"


def _effect(differences: npt.ArrayLike, sd: float | None) -> tuple[float, float]:
    if sd is not None:
        return float(np.asarray(differences, dtype=np.float64)), float(sd)
    values = finite_values(differences, 1)
    return float(values.mean()), float(values.std(ddof=1))


def _power(n: int, effect: float, alpha: float) -> float:
    """The chance to find `effect` (mean over sd) with n pairs; both tails count as found.

    By the definition of the noncentral t, averaged over the quantiles of the sample's variance:
    right to 1e-5, where `scipy.stats.nct` gives NaN for some large effects (scipy 1.17).
    """
    df, shift = n - 1, effect * np.sqrt(n)
    spread = np.sqrt(special.chdtri(df, _MIDPOINTS) / df)
    critical = special.stdtrit(df, 1 - alpha / 2) * spread
    return float((special.ndtr(shift - critical) + special.ndtr(-shift - critical)).mean())


def _points(fraction: float) -> str:
    value = 100 * fraction
    shown = f"{value:.1f}" if value >= 0.05 or value == 0 else f"{value:.2g}"
    return f"{shown} points"
