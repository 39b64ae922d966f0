"""Measures of samples against hand-made cases, slow loops, and scipy's square root of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from latens.errors import LatensError
from latens.evaluation import fidelity
from latens.evaluation.fidelity import (
    density_coverage,
    frechet_distance,
    nearest,
    precision_recall,
)

REAL = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])  # radii with k = 1: 1 everywhere


def points(count: int, size: int = 3, seed: int = 0, shift: float = 0.0) -> Any:
    return np.random.default_rng(seed).normal(shift, 1, (count, size))


def slow(real: Any, sampled: Any, k: int) -> tuple[float, float, float, float]:
    """The papers' definitions, one pair at a time."""
    between = cdist(sampled, real)
    real_radius = np.sort(cdist(real, real), axis=1)[:, k]
    sampled_radius = np.sort(cdist(sampled, sampled), axis=1)[:, k]
    inside = [[d <= real_radius[j] for j, d in enumerate(row)] for row in between]
    found = [[d <= sampled_radius[i] for i, d in enumerate(row)] for row in between.T]
    precision = np.mean([any(row) for row in inside])
    recall = np.mean([any(row) for row in found])
    density = np.sum(inside) / (k * len(sampled))
    coverage = np.mean([any(column) for column in np.array(inside).T])
    return float(precision), float(recall), float(density), float(coverage)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_they_are_the_papers_definitions(k: int) -> None:
    real, sampled = points(60), points(45, seed=1, shift=0.7)
    expected = slow(real, sampled, k)
    assert precision_recall(real, sampled, k) == pytest.approx(expected[:2])
    assert density_coverage(real, sampled, k) == pytest.approx(expected[2:])


def test_a_sampler_of_one_group_is_precise_and_recalls_half() -> None:
    sampled = np.array([[0.0], [1.0], [2.0], [1.5]])
    precision, recall = precision_recall(REAL, sampled, k=1)
    assert (precision, recall) == (1.0, 0.5)
    density, coverage = density_coverage(REAL, sampled, k=1)
    # the balls [-1, 1], [0, 2], [1, 3] hold 2, 4 and 3 of the samples; the other three none
    assert density == pytest.approx(9 / 4) and coverage == 0.5


def test_strays_cost_precision_and_density_but_not_coverage() -> None:
    sampled = np.concatenate([REAL, REAL + 1000])
    assert precision_recall(REAL, sampled, k=1) == (0.5, 1.0)
    assert density_coverage(REAL, sampled, k=1)[1] == 1.0


def test_far_samples_get_nothing() -> None:
    far = REAL + 1000
    assert precision_recall(REAL, far, k=1) == (0.0, 0.0)
    assert density_coverage(REAL, far, k=1) == (0.0, 0.0)


@given(st.integers(0, 1000), st.integers(1, 4))
@settings(max_examples=25)
def test_shares_are_shares_and_equal_sets_are_perfect(seed: int, k: int) -> None:
    real, sampled = points(12, seed=seed), points(9, seed=seed + 1, shift=0.5)
    precision, recall = precision_recall(real, sampled, k)
    density, coverage = density_coverage(real, sampled, k)
    assert 0 <= precision <= 1 and 0 <= recall <= 1 and density >= 0 and 0 <= coverage <= 1
    assert precision_recall(real, real, k) == (1.0, 1.0)
    assert density_coverage(real, real, k)[1] == 1.0
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)


def test_frechet_is_the_formula_with_scipys_root() -> None:
    a, b = points(200, 5), points(150, 5, seed=1, shift=0.3) @ np.diag([1, 2, 0.5, 1, 3])
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(sqrtm(cov_a @ cov_b))
    apart = np.square(a.mean(0) - b.mean(0)).sum()
    expected = apart + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


def test_frechet_of_a_shift_is_its_square_also_where_features_are_dead() -> None:
    a = np.pad(points(50, 3), ((0, 0), (0, 4)))
    shifted = a.copy()
    shifted[:, 0] += 3
    shifted[:, 6] += 4
    assert frechet_distance(a, shifted) == pytest.approx(25, abs=1e-5)
    assert frechet_distance(a[:, :1], 2 * a[:, :1] - a[:, :1].mean()) == pytest.approx(
        a[:, 0].var(ddof=1), rel=1e-6
    )


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, sampled = points(60), points(45, seed=1)
    whole = precision_recall(real, sampled), density_coverage(real, sampled), nearest(sampled, real)
    monkeypatch.setattr(fidelity, "DISTANCES_AT_ONCE", 100)
    assert (precision_recall(real, sampled), density_coverage(real, sampled)) == whole[:2]
    for found, expected in zip(nearest(sampled, real), whole[2], strict=True):
        np.testing.assert_allclose(found, expected)


def test_nearest_is_cdists_and_reads_integers() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 1, 4, 4), dtype=np.uint8)
    asked = np.random.default_rng(1).random((7, 1, 4, 4))
    away, which = nearest(asked, pixels, 1 / 255)
    all_of_them = cdist(asked.reshape(7, -1), pixels.reshape(30, -1) / 255)
    np.testing.assert_allclose(away, all_of_them.min(1))
    np.testing.assert_array_equal(which, all_of_them.argmin(1))


def test_too_few_are_told() -> None:
    with pytest.raises(LatensError) as told:
        precision_recall(points(3), points(9), k=3)
    assert told.value.code == "too-few-images"
