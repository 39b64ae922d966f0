"""Repeated-seed statistics: intervals, paired tests, and the correction for many tests.

Accuracies and differences are fractions (0.021), never points. Shapes: S seeds, N test images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from latens.errors import UsageError

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean and the two ends of its confidence interval, from `n` values."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Difference:
    """A mean difference, its interval and two-sided p, and the t distribution they came from."""

    difference: float
    low: float
    high: float
    p: float
    standard_error: float
    df: float


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """The t-interval of the mean of `values` [S], S >= 2 independent repetitions.

    Raises `UsageError` (``too-few-seeds``, ``not-finite``).
    """
    values_S = finite_values(values, 1)
    mean, error = float(values_S.mean()), float(np.sqrt(_variance_of_mean(values_S)))
    half = _t_quantile(len(values_S) - 1, level) * error
    return Interval(mean, mean - half, mean + half, len(values_S))


def proportion_interval(right: int, count: int, level: float = 0.95) -> Interval:
    """The interval of a share such as an accuracy, `right` of `count` >= 1 (Wilson 1927).

    It counts which images the test part happened to hold, and no spread over seeds.
    """
    found = stats.binomtest(right, count).proportion_ci(level, method="wilson")
    return Interval(right / count, float(found.low), float(found.high), count)


def paired_difference(a: npt.ArrayLike, b: npt.ArrayLike, level: float = 0.95) -> Difference:
    """Student's paired t-test of ``mean(a - b)``; `a` and `b` are [S], one value a seed, S >= 2.

    It counts the spread over seeds alone. Where one test set serves all seeds, as in a comparison,
    `crossed_paired_difference` also counts which images that set happened to hold.
    Differences that are all equal and not zero leave t without a spread; p is then that of the
    exact sign test, 2^(1 - S).
    """
    d_S = _pairs(a, b, 1)
    if _constant(d_S):
        return _without_spread(float(d_S[0]), len(d_S))
    return _from_t(float(d_S.mean()), _variance_of_mean(d_S), len(d_S) - 1, level)


def crossed_paired_difference(
    correct_a: npt.ArrayLike, correct_b: npt.ArrayLike, level: float = 0.95
) -> Difference:
    """Difference in accuracy of two arms when S seeds of each predict the same N test images.

    `correct_a`, `correct_b`: bool or 0/1, [S, N], S >= 2, N >= 2; seed s of one arm is paired with
    seed s of the other. Seeds and images are crossed random effects, so

        se^2 = var_seeds(mean over images of d) / S + var_images(mean over seeds of d) / N,

    which counts the residual twice and is therefore never too small on average (the moment
    estimator behind Owen 2007, "The pigeonhole bootstrap"). Degrees of freedom: Satterthwaite 1946.
    If every image differs the same way in every seed there is no spread; p is then McNemar's exact
    one for any of the seeds, 2^(1 - N). No difference anywhere gives p = 1. With two or three seeds
    that differ far more than images do, a 95% interval holds about 92% to 93%; from five on, 94%.
    """
    d_SN = _pairs(correct_a, correct_b, 2)
    if _constant(d_SN):
        return _without_spread(float(d_SN.flat[0]), d_SN.shape[1])
    return _from_t(float(d_SN.mean()), *_crossed(d_SN), level)


def within_possible(found: Difference) -> Difference:
    """A difference of accuracies whose interval ends where differences do, at -1 and 1.

    With two seeds t-intervals reach further.
    """
    return replace(found, low=max(-1.0, found.low), high=min(1.0, found.high))


def crossed_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """The mean of one arm, such as its accuracy, when S seeds are tested on the same N images.

    `values`: bool, 0/1 or any number an image, [S, N], S >= 2, N >= 2. The variance is that of
    `crossed_paired_difference`, so the interval speaks of new seeds *and* new test images;
    `mean_interval` of the S accuracies speaks of new seeds on these very images alone.
    Where all values are equal it has no width. It may reach beyond 0 and 1.
    """
    values_SN = finite_values(values, 2)
    mean = float(values_SN.mean())
    if _constant(values_SN):
        return Interval(mean, mean, mean, len(values_SN))
    variance, df = _crossed(values_SN)
    half = _t_quantile(df, level) * float(np.sqrt(variance))
    return Interval(mean, mean - half, mean + half, len(values_SN))


def split_paired_difference(
    a: npt.ArrayLike, b: npt.ArrayLike, test_share: float, level: float = 0.95
) -> Difference:
    """Paired test over K random splits of one data set, each trained with S seeds.

    `a` and `b`: scores [K, S], K >= 2, S >= 1, paired by split and seed; `test_share` is the part
    of the images that each split tests on, above 0 and below 1. Training sets of different splits
    overlap, so that plain tests find differences far too often; the corrected resampled t-test
    (Nadeau and Bengio 2003) takes, from the K means over seeds,

        se^2 = (1 / K + test_share / (1 - test_share)) var,  K - 1 degrees of freedom.

    More seeds make each split's mean surer, and count as no further splits.
    """
    if not 0 < test_share < 1:
        raise UsageError(
            f"Expected a share of test images above 0 and below 1; got {test_share}.",
            hint="For example 0.2.",
            code="bad-share",
        )
    first, second = (np.asarray(x, dtype=np.float64) for x in (a, b))
    _same_shape(first, second)
    d_KS = first - second
    d_K = finite_values(d_KS.mean(axis=1) if d_KS.ndim == 2 and d_KS.size else d_KS, 1)
    if _constant(d_K):
        return _without_spread(float(d_K[0]), len(d_K))
    factor = 1 / len(d_K) + test_share / (1 - test_share)
    return _from_t(float(d_K.mean()), factor * float(d_K.var(ddof=1)), len(d_K) - 1, level)


def difference_in_differences(
    a: npt.ArrayLike,
    a_control: npt.ArrayLike,
    b: npt.ArrayLike,
    b_control: npt.ArrayLike,
    level: float = 0.95,
) -> Difference:
    """Whether `a` gains more over its control than `b` over its own: (a - a0) - (b - b0).

    All four are [S], one score a seed (Student's paired t), or all [S, N], right or wrong on the
    same test images (crossed, as `crossed_paired_difference`). In a design of two factors this is
    their interaction; the main effect of the first is the difference of ``(a + a0) / 2`` and
    ``(b + b0) / 2``.
    """
    values = [np.asarray(x, dtype=np.float64) for x in (a, a_control, b, b_control)]
    for other in values[1:]:
        _same_shape(values[0], other)
    test = crossed_paired_difference if values[0].ndim == 2 else paired_difference
    return test(values[0] - values[1], values[2] - values[3], level)


def holm(p_values: npt.ArrayLike) -> Array:
    """p corrected for the number of tests made, [M] in the order given (Holm 1979, step-down)."""
    p_M = np.asarray(p_values, dtype=np.float64).reshape(-1)
    if not np.all((p_M >= 0) & (p_M <= 1)):
        raise UsageError(f"Expected p values from 0 to 1; got {p_M.tolist()}.", code="bad-p")
    order = np.argsort(p_M, kind="stable")
    steps = p_M[order] * np.arange(len(p_M), 0, -1)
    corrected = np.empty_like(p_M)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def mcnemar(correct_a: npt.ArrayLike, correct_b: npt.ArrayLike, mid_p: bool = False) -> float:
    """Two-sided p that two classifiers err equally often on the same images, bool [N].

    Exact binomial test of the discordant images (McNemar 1947), never liberal; `mid_p` takes half
    of the observed table's probability off, which is nearer to the nominal level (Fagerland,
    Lydersen and Laake 2013).
    """
    a, b = (np.asarray(x).astype(bool) for x in (correct_a, correct_b))
    _same_shape(a, b)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    n, few = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0
    exact = min(1.0, 2 * float(stats.binom.cdf(few, n, 0.5)))
    observed = float(stats.binom.pmf(few, n, 0.5))
    # Unequal counts stand in both tails of the exact p, equal ones in the middle and only once.
    both = 0.5 if only_a == only_b else 1.0
    return exact - both * observed if mid_p else exact


def _crossed(values_SN: Array) -> tuple[float, float]:
    """The variance of the mean of crossed effects and its degrees of freedom (Satterthwaite)."""
    seeds, images = (_variance_of_mean(values_SN.mean(axis=axis)) for axis in (1, 0))
    df_seeds, df_images = (n - 1 for n in values_SN.shape)
    if seeds + images < 1e-24:  # as in [[0, 1], [1, 0]]: only the residual varies
        return float(values_SN.var(ddof=1)) / values_SN.size, df_seeds * df_images
    df = (seeds + images) ** 2 / (seeds**2 / df_seeds + images**2 / df_images)
    return seeds + images, df


def _t_quantile(df: float, level: float) -> float:
    return float(special.stdtrit(df, (1 + level) / 2))


def _from_t(difference: float, variance: float, df: float, level: float) -> Difference:
    error = float(np.sqrt(variance))
    half = _t_quantile(df, level) * error
    p = 2 * float(special.stdtr(df, -abs(difference) / error))
    return Difference(difference, difference - half, difference + half, p, error, float(df))


def _without_spread(difference: float, signs: int) -> Difference:
    p = 2.0 ** (1 - signs) if difference else 1.0
    return Difference(difference, difference, difference, p, 0.0, float(signs - 1))


def _constant(d: Array) -> bool:
    # 0.9 - 0.8 and 0.7 - 0.6 differ in the last bit; accuracies differ by far more than 1e-12.
    return float(np.ptp(d)) <= 1e-12


def _variance_of_mean(values: Array) -> float:
    return float(values.var(ddof=1)) / len(values)


def _pairs(a: npt.ArrayLike, b: npt.ArrayLike, ndim: int) -> Array:
    first, second = finite_values(a, ndim), finite_values(b, ndim)
    _same_shape(first, second)
    return first - second


def _same_shape(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> None:
    if a.shape != b.shape:
        raise UsageError(
            f"Expected both arms on the same seeds and images; got shapes {a.shape} and {b.shape}.",
            hint="Run the arm that has fewer again with the same seeds and the same test part.",
            code="unpaired",
        )


def finite_values(values: npt.ArrayLike, ndim: int) -> Array:
    """`values` as float64 of `ndim` axes, at least two values on each; `UsageError` otherwise."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim or min(array.shape) < 2:
        raise UsageError(
            f"Expected {ndim} axes with at least two values on each; got shape {array.shape}.",
            hint="One seed has no spread: use --seeds 5 or more.",
            code="too-few-seeds",
        )
    if not np.isfinite(array).all():
        raise UsageError(
            "Expected finite values; got NaN or infinity.",
            hint="Leave out the run that failed, or run it again.",
            code="not-finite",
        )
    return array
