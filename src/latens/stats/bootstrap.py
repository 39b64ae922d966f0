"""Bootstrap intervals over images, over seeds, or over both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.stats.inference import Array, Interval, finite_values


def bootstrap_interval(
    values: npt.ArrayLike,
    statistic: Callable[[Array], Any] = np.mean,
    *,
    seed: int = 0,
    n: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap interval of ``statistic(values)`` (Efron and Tibshirani 1993).

    `values` [N] are resampled with replacement. A matrix [S, N], seeds by test images of one arm
    or the differences of two, has its rows and its columns resampled independently: Owen's (2007)
    pigeonhole bootstrap for crossed effects. The interval's `mean` is the statistic of the values
    as they came. Percentiles of few rows are too narrow, by about sqrt(1 - 1/S): with five seeds
    that differ more than images do, a 95% interval holds the truth in a
    little over 80% of cases, where `crossed_interval` holds 92%.
    """
    data = np.asarray(values, dtype=np.float64)
    data = finite_values(data, data.ndim if data.ndim in (1, 2) else 1)
    rng = np.random.default_rng(seed)
    if statistic is np.mean:
        draws = [_resampled_mean(data, rng) for _ in range(n)]
    else:
        draws = [
            float(statistic(data[np.ix_(*(rng.integers(0, m, m) for m in data.shape))]))
            for _ in range(n)
        ]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(data)), float(low), float(high), len(data))


def _resampled_mean(data: Array, rng: np.random.Generator) -> float:
    """The mean of resampled rows and columns without making that matrix of draws, which is slow."""
    for _ in range(data.ndim):
        rows = len(data)
        weights = np.bincount(rng.integers(0, rows, rows), minlength=rows) / rows
        data = weights @ data
    return float(data)
