"""Calibration against scikit-learn, against Guo's definition, and as properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from latens.evaluation.calibration import (
    brier,
    calibration_bins,
    expected_calibration_error,
    negative_log_likelihood,
)

SEEDS = st.integers(0, 2**32 - 1)


def predictions(seed: int, n: int = 300, k: int = 4) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, k, n), rng.dirichlet(np.full(k, 0.5), n).astype(np.float32)


def table(labels: Any, probabilities: Any, bins: int = 15) -> list[dict[str, Any]]:
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return calibration_bins(confidence, correct, bins)


def test_nll_is_sklearns() -> None:
    labels, probabilities = predictions(0)
    # In float64, because scikit-learn clips by dtype and wants rows that sum to one exactly.
    rows = probabilities.clip(np.finfo(np.float32).eps).astype(np.float64)
    expected = log_loss(labels, rows / rows.sum(axis=1, keepdims=True), labels=range(4))
    assert negative_log_likelihood(labels, probabilities) == pytest.approx(expected, abs=1e-6)


def test_sure_and_wrong_costs_much_and_not_infinitely_much() -> None:
    sure = np.array([[1, 0]], dtype=np.float32)
    assert negative_log_likelihood(np.array([1]), sure) == pytest.approx(15.94, abs=0.01)
    assert negative_log_likelihood(np.array([0]), sure) == 0


def test_brier_is_twice_sklearns_for_two_classes() -> None:
    labels, probabilities = predictions(1, k=2)
    expected = 2 * brier_score_loss(labels, probabilities[:, 1].astype(np.float64))
    assert brier(labels, probabilities) == pytest.approx(expected, abs=1e-6)


def test_brier_by_its_definition_for_many_classes() -> None:
    labels, probabilities = predictions(2)
    expected = ((np.eye(4)[labels] - probabilities) ** 2).sum(axis=1).mean()
    assert brier(labels, probabilities) == pytest.approx(expected)


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_ece_by_its_definition(bins: int) -> None:
    labels, probabilities = predictions(3)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    expected = 0.0
    for m in range(bins):
        here = (confidence > m / bins) & (confidence <= (m + 1) / bins)
        if here.any():
            expected += here.mean() * abs(correct[here].mean() - confidence[here].mean())
    found = expected_calibration_error(table(labels, probabilities, bins))
    assert found == pytest.approx(expected, abs=1e-6)


def test_known_ece() -> None:
    """Ten predictions at 0.8 of which six are right: the gap is 0.2."""
    bins = calibration_bins(np.full(10, 0.8), np.arange(10) < 6)
    assert expected_calibration_error(bins) == pytest.approx(0.2)


@given(SEEDS, st.integers(1, 30))
def test_ece_is_a_fraction_and_the_bins_hold_every_image(seed: int, bins: int) -> None:
    rows = table(*predictions(seed, 50), bins)
    assert 0 <= expected_calibration_error(rows) <= 1
    assert sum(row["count"] for row in rows) == 50
    assert rows[0]["low"] == 0 and rows[-1]["high"] == 1
    for row in rows:
        assert (row["confidence"] is None) == (row["accuracy"] is None) == (row["count"] == 0)
        if row["count"]:
            assert row["low"] - 1e-6 <= row["confidence"] <= row["high"] + 1e-6


def test_the_ends_of_the_range_have_a_bin() -> None:
    rows = calibration_bins(np.array([0.0, 1.0]), np.array([False, True]), 5)
    assert (rows[0]["count"], rows[-1]["count"]) == (1, 1)


def test_a_confidence_on_an_edge_counts_below_it() -> None:
    """Guo's bins are (low, high]."""
    rows = calibration_bins(np.array([0.5, 0.5, 0.75]), np.array([True, True, False]), 4)
    assert [row["count"] for row in rows] == [0, 2, 1, 0]


@given(SEEDS)
def test_order_does_not_matter(seed: int) -> None:
    labels, probabilities = predictions(seed, 60)
    order = np.random.default_rng(seed + 1).permutation(60)
    mixed = labels[order], probabilities[order]
    for score in (negative_log_likelihood, brier):
        assert score(*mixed) == pytest.approx(score(labels, probabilities))
    one, other = table(labels, probabilities), table(*mixed)
    assert expected_calibration_error(one) == pytest.approx(expected_calibration_error(other))
