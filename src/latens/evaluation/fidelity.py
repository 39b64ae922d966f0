"""How like real images samples are, measured in the features of a network.

Real features are float [N, D], sampled ones [M, D]. Which network the features come from decides
the numbers: they can be compared for one network only. Distances are worked out in chunks, so that
no [N, M] matrix is ever in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from latens.errors import DataError

Features: TypeAlias = npt.NDArray[np.floating[Any]]


class Rows(Protocol):
    """An array, or what gives parts of one."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: slice, /) -> npt.NDArray[Any]: ...


DISTANCES_AT_ONCE = 1 << 22  # 32 MB in float64


def frechet_distance(real: Features, sampled: Features) -> float:
    """Squared Fréchet distance of the normal distributions with the features' moments, 0 or more.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), Dowson and Landau (1982), as Heusel et al. (2017)
    use it. It is biased upwards for few images: compare numbers of equal counts only. The trace of
    the root is a sum over eigenvalues of the symmetric S1^(1/2) S2 S1^(1/2), which stays real
    where S1 S2 is singular.
    """
    _check(real, sampled, 2)
    (mean_a, cov_a), (mean_b, cov_b) = _moments(real), _moments(sampled)
    values, vectors = eigh(cov_a)
    root_a = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = eigh(root_a @ cov_b @ root_a, eigvals_only=True)
    trace_of_root = np.sqrt(np.maximum(both, 0)).sum()
    apart = np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b)
    return max(0.0, float(apart - 2 * trace_of_root))


def precision_recall(real: Features, sampled: Features, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi et al. 2019), each 0 to 1.

    Precision: the share of samples inside the real manifold, which is the union of balls around
    real images that reach to their k-th nearest other. Recall: the share of real images inside the
    samples' manifold.
    """
    _check(real, sampled, k + 1)
    real_N, sampled_M = square_radii(real, k), square_radii(sampled, k)
    within = [(square <= real_N).any(axis=1) for square in _squares(sampled, real)]
    found = [(square <= sampled_M).any(axis=1) for square in _squares(real, sampled)]
    return float(np.concatenate(within).mean()), float(np.concatenate(found).mean())


def density_coverage(real: Features, sampled: Features, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020).

    Density: in how many real balls a sample lies, over k; near 1 for samples like real images and
    perhaps above. Coverage: the share of real balls that hold a sample, 0 to 1. Both use real
    balls alone, so that a few stray samples do not count for much.
    """
    _check(real, sampled, k + 1)
    real_N = square_radii(real, k)
    inside, held = 0, np.zeros(len(real), bool)
    for square in _squares(sampled, real):
        hits = square <= real_N
        inside += int(hits.sum())
        held |= hits.any(axis=0)
    return inside / (k * len(sampled)), float(held.mean())


def square_radii(features: Features, k: int) -> npt.NDArray[np.float64]:
    """The squared distance of each point to its k-th nearest other point, float64 [N].

    Squared, so that a tie stays one: a root that is squared again may come out smaller.
    """
    nearest = [np.partition(square, k, axis=1)[:, k] for square in _squares(features, features)]
    return np.concatenate(nearest)  # place 0 is the point itself


def nearest(
    points: Features, others: Rows, scale: float = 1.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The distance of each point to the nearest of `others`, and which that is: [N], int64 [N].

    `others` [M, ...] may be of any dtype and larger than memory; it is read in chunks, flattened,
    and multiplied by `scale`.
    """
    flat = _rows(points, 1.0)
    best, which = np.full(len(flat), np.inf), np.zeros(len(flat), np.int64)
    step = max(1, DISTANCES_AT_ONCE // max(len(flat), flat.shape[1]))
    for start in range(0, len(others), step):
        square = _square(flat, _rows(others[start : start + step], scale))
        near = square.argmin(axis=1)
        found = square[np.arange(len(flat)), near]
        closer = found < best
        best[closer], which[closer] = found[closer], near[closer] + start
    return np.sqrt(best), which


def _rows(x: npt.NDArray[Any], scale: float) -> npt.NDArray[np.float64]:
    return np.asarray(x).reshape(len(x), -1).astype(np.float64) * scale


def _moments(features: Features) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rows = _rows(features, 1.0)
    return rows.mean(axis=0), np.atleast_2d(np.cov(rows, rowvar=False))


def _squares(a: Features, b: Features) -> Iterator[npt.NDArray[np.float64]]:
    """Squared distances of all rows of `a` to all of `b`, some rows at a time."""
    a, b = _rows(a, 1.0), _rows(b, 1.0)
    step = max(1, DISTANCES_AT_ONCE // len(b))
    for start in range(0, len(a), step):
        yield _square(a[start : start + step], b)


def _square(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lengths = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    return np.asarray(np.maximum(lengths - 2 * a @ b.T, 0))


def _check(real: Features, sampled: Features, least: int) -> None:
    if min(len(real), len(sampled)) < least:
        raise DataError(
            f"Expected at least {least} real and as many sampled images; got {len(real)} "
            f"and {len(sampled)}.",
            hint="Draw more samples, or compare with a larger part.",
            code="too-few-images",
        )
