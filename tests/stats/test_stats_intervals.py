"""Intervals, tests and corrections against scipy, against definitions, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from latens.errors import UsageError
from latens.stats import (
    bootstrap_interval,
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

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
ACCURACIES = [0.91, 0.93, 0.90, 0.95, 0.92]
CONTROL = [0.90, 0.91, 0.90, 0.92, 0.92]


def test_mean_interval_is_scipys() -> None:
    found = mean_interval(ACCURACIES, level=0.9)
    low, high = reference.t.interval(
        0.9, 4, loc=np.mean(ACCURACIES), scale=reference.sem(ACCURACIES)
    )
    assert [found.low, found.high] == pytest.approx([low, high])
    assert found.n == 5


def test_paired_difference_is_scipys() -> None:
    found = paired_difference(ACCURACIES, CONTROL)
    expected = reference.ttest_rel(ACCURACIES, CONTROL)
    ends = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert [found.low, found.high] == pytest.approx([ends.low, ends.high])


def test_equal_gains_leave_only_their_signs() -> None:
    found = paired_difference([0.9, 0.7, 0.5, 0.3, 0.2], [0.8, 0.6, 0.4, 0.2, 0.1])
    assert found.p == pytest.approx(reference.binomtest(5, 5).pvalue)
    assert found.low == found.high == pytest.approx(0.1)


@given(st.integers(2, 6), st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_crossed_difference_turns_with_its_arms(seeds: int, images: int, draw: int) -> None:
    a, b = np.random.default_rng(draw).integers(0, 2, (2, seeds, images)).astype(bool)
    one, other = crossed_paired_difference(a, b), crossed_paired_difference(b, a)
    assert one.difference == pytest.approx(-other.difference)
    assert [one.low, one.high] == pytest.approx([-other.high, -other.low])
    assert one.p == pytest.approx(other.p) and 0 <= one.p <= 1
    assert one.low <= one.difference <= one.high


@given(st.integers(2, 6), st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_crossed_p_and_interval_say_the_same(seeds: int, images: int, draw: int) -> None:
    a, b = np.random.default_rng(draw).normal(size=(2, seeds, images))
    found = crossed_paired_difference(a, b)
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_crossed_difference_is_its_formula() -> None:
    a, b = np.random.default_rng(4).integers(0, 2, (2, 5, 60))
    d = a - b
    seeds, images = d.mean(axis=1).var(ddof=1) / 5, d.mean(axis=0).var(ddof=1) / 60
    df = (seeds + images) ** 2 / (seeds**2 / 4 + images**2 / 59)
    error = np.sqrt(seeds + images)
    found = crossed_paired_difference(a, b)
    low, high = reference.t.interval(0.95, df, loc=d.mean(), scale=error)
    assert [found.low, found.high] == pytest.approx([low, high])
    assert found.p == pytest.approx(2 * reference.t.sf(abs(d.mean()) / error, df))


def test_no_difference_anywhere_has_p_one() -> None:
    same = np.ones((5, 20), dtype=bool)
    found = crossed_paired_difference(same, same)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_an_interval_of_two_seeds_ends_where_accuracies_do() -> None:
    d = np.zeros((2, 60))
    d[0, :40] = 1
    found = crossed_paired_difference(d, np.zeros_like(d))
    assert found.low < -1 and found.high > 1, "else there is nothing to end"
    cut = within_possible(found)
    assert (cut.low, cut.high) == (-1, 1)
    assert (cut.difference, cut.p) == (found.difference, found.p)


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Newcombe (1998), table I: 81 of 263 and 0 of 20."""
    found = proportion_interval(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert proportion_interval(0, 20).low == 0
    assert proportion_interval(0, 20).high == pytest.approx(0.1611, abs=5e-5)


def test_difference_everywhere_is_as_sure_as_there_are_images() -> None:
    def p(images: int) -> float:
        right = np.ones((5, images), dtype=bool)
        return crossed_paired_difference(right, ~right).p

    assert p(2) == 0.5
    assert p(40) < 1e-9


def test_residual_alone_still_has_a_width() -> None:
    found = crossed_paired_difference(np.eye(2), np.zeros((2, 2)))
    assert found.low < 0 < found.high and 0.05 < found.p < 1


def test_seeds_on_one_test_set_do_not_hide_that_it_is_small() -> None:
    """Five seeds that agree on 50 images: the seeds' t-test is sure, the crossed one is not."""
    a, b = np.zeros((2, 5, 50))
    a[:, 0] = 1
    a[0, 1] = 1
    assert paired_difference(a.mean(axis=1), b.mean(axis=1)).p < 0.01
    assert crossed_paired_difference(a, b).p > 0.1


@pytest.mark.parametrize("mean", [0.0, 0.3])
@pytest.mark.parametrize(
    "spread",
    [(1, 0.01, 0), (0, 1, 0), (0, 0, 1), (0.05, 1, 1), (0.1, 0.5, 0.5)],
    ids=["seeds", "images", "residual", "mostly images", "all"],
)
def test_crossed_intervals_cover(spread: tuple[float, float, float], mean: float) -> None:
    """Crossed random effects: 95% intervals hold the truth, and p is not too often small."""
    rng, trials = np.random.default_rng(20240), 4000
    inside = small = 0
    for _ in range(trials):
        seed, image = rng.normal(size=(5, 1)), rng.normal(size=(1, 100))
        parts = (seed, image, rng.normal(size=(5, 100)))
        d = mean + sum(s * part for s, part in zip(spread, parts, strict=True))
        found = crossed_paired_difference(d, np.zeros_like(d))
        inside += found.low <= mean <= found.high
        small += found.p < 0.05
    assert inside / trials >= 0.93
    assert mean or small / trials <= 0.06


def test_crossed_null_holds_for_right_and_wrong() -> None:
    """Two equal arms whose seeds and images differ in difficulty, as 0/1 predictions."""
    rng, trials, small = np.random.default_rng(7), 4000, 0
    for _ in range(trials):
        image, seeds = rng.normal(1.5, 1.5, (1, 100)), rng.normal(0, 0.4, (2, 5, 1))
        own = rng.normal(0, 0.7, (2, 1, 100))
        correct = image + own + seeds + rng.logistic(size=(2, 5, 100)) > 0
        small += crossed_paired_difference(*correct).p < 0.05
    assert small / trials <= 0.06


@given(P_VALUES)
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    assert np.all(corrected >= p_values) and np.all(corrected <= 1)
    assert np.all(np.diff(corrected[order]) >= 0)


@given(P_VALUES, st.floats(0.001, 0.2))
def test_holm_rejects_what_the_definition_rejects(p_values: list[float], alpha: float) -> None:
    """Holm's own words: go up from the smallest p, and stop at the first that is too large."""
    order, m = np.argsort(p_values, kind="stable"), len(p_values)
    rejected = set()
    for rank, which in enumerate(order):
        if p_values[which] * (m - rank) > alpha:
            break
        rejected.add(int(which))
    assert set(np.flatnonzero(holm(p_values) <= alpha).tolist()) == rejected


def test_holm_known_example() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert len(holm([])) == 0


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 1), (3, 3), (2, 9), (30, 11)])
def test_mcnemar_is_the_binomial_test(only_a: int, only_b: int) -> None:
    a = np.array([1] * only_a + [0] * only_b + [1] * 7 + [0] * 3, dtype=bool)
    b = np.array([0] * only_a + [1] * only_b + [1] * 7 + [0] * 3, dtype=bool)
    n = only_a + only_b
    expected = reference.binomtest(only_a, n).pvalue if n else 1.0
    assert mcnemar(a, b) == pytest.approx(expected)
    assert mcnemar(a, b) == mcnemar(b, a)


@pytest.mark.parametrize("n", [1, 6, 7, 20])
def test_mid_p_is_half_as_wide_at_the_observed_table(n: int) -> None:
    """By its definition: tables less likely than this one, and half of those as likely."""
    chances = reference.binom.pmf(range(n + 1), n, 0.5)
    for k in range(n + 1):
        as_likely = np.isclose(chances, chances[k])
        expected = chances[(chances < chances[k]) & ~as_likely].sum() + chances[as_likely].sum() / 2
        a = np.arange(n) < k
        assert mcnemar(a, ~a, mid_p=True) == pytest.approx(expected)


def test_bootstrap_is_near_the_t_interval_and_repeats() -> None:
    values = np.random.default_rng(1).normal(size=200)
    found, exact = bootstrap_interval(values, n=2000), mean_interval(values)
    assert found == bootstrap_interval(values, n=2000)
    assert found != bootstrap_interval(values, n=2000, seed=1)
    assert [found.low, found.high] == pytest.approx([exact.low, exact.high], abs=0.02)


def test_bootstrap_of_a_matrix_counts_seeds_and_images() -> None:
    rng = np.random.default_rng(2)
    matrix = 0.3 * rng.normal(size=(30, 1)) + rng.normal(size=(1, 80)) + rng.normal(size=(30, 80))
    crossed = crossed_paired_difference(matrix, np.zeros_like(matrix))
    found = bootstrap_interval(matrix, n=2000)
    width = crossed.high - crossed.low
    assert found.high - found.low == pytest.approx(width, rel=0.15)


def test_bootstrap_takes_any_statistic() -> None:
    found = bootstrap_interval([1.0, 2.0, 3.0, 50.0], np.median, n=200)
    assert found.mean == 2.5 and 1 <= found.low <= found.high <= 50


def test_the_quick_mean_is_the_mean_of_the_resampled_matrix() -> None:
    matrix = np.random.default_rng(9).random((4, 30))
    quick = bootstrap_interval(matrix, n=300)
    plain = bootstrap_interval(matrix, lambda values: values.mean(), n=300)
    assert [quick.low, quick.high] == pytest.approx([plain.low, plain.high], abs=1e-12)


def test_crossed_interval_is_that_of_the_difference_to_nothing() -> None:
    values = np.random.default_rng(5).integers(0, 2, (5, 60))
    one, other = crossed_interval(values), crossed_paired_difference(values, np.zeros((5, 60)))
    assert [one.mean, one.low, one.high] == pytest.approx([other.difference, other.low, other.high])
    assert one.n == 5
    seeds_alone = mean_interval(values.mean(axis=1))
    assert one.low < seeds_alone.low and seeds_alone.high < one.high


def test_crossed_interval_without_spread_has_no_width() -> None:
    right = crossed_interval(np.ones((3, 10), bool))
    assert (right.mean, right.low, right.high) == (1, 1, 1)


def test_intervals_of_one_arm_cover_new_seeds_and_images() -> None:
    """Right and wrong answers of one arm: the truth is the accuracy over all images there are."""
    rng, trials = np.random.default_rng(11), 1000
    easy = rng.normal(1.5, 1.5, 50_000)
    truth = float(np.mean(easy + rng.logistic(size=easy.size) + rng.normal(0, 0.2, easy.size) > 0))
    inside = {"crossed": 0, "bootstrap": 0, "seeds alone": 0}
    for trial in range(trials):
        images, seeds = rng.choice(easy, (1, 150)), rng.normal(0, 0.2, (5, 1))
        correct = images + seeds + rng.logistic(size=(5, 150)) > 0
        found = {
            "crossed": crossed_interval(correct),
            "seeds alone": mean_interval(correct.mean(axis=1) + 1e-9 * np.arange(5)),
        }
        if trial < 300:
            found["bootstrap"] = bootstrap_interval(correct, n=200)
        for name, interval in found.items():
            inside[name] += interval.low <= truth <= interval.high
    assert inside["crossed"] / trials >= 0.94
    assert inside["bootstrap"] / 300 >= 0.92
    assert inside["seeds alone"] / trials < 0.9, "it does not know that the images are few"


def test_split_difference_is_its_formula() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.random((2, 10, 3))
    found = split_paired_difference(a, b, 0.2)
    d = (a - b).mean(axis=1)
    error = np.sqrt((1 / 10 + 0.2 / 0.8) * d.var(ddof=1))
    low, high = reference.t.interval(0.95, 9, loc=d.mean(), scale=error)
    assert [found.low, found.high] == pytest.approx([low, high])
    assert found.p == pytest.approx(2 * reference.t.sf(abs(d.mean()) / error, 9))
    plain = paired_difference(a.mean(axis=1), b.mean(axis=1))
    assert found.low < plain.low and plain.high < found.high


def test_split_differences_cover_where_plain_ones_do_not() -> None:
    """Splits share images, so their scores are correlated by the share of test images."""
    rng, trials, share = np.random.default_rng(8), 4000, 0.3
    corrected = plain = 0
    for _ in range(trials):
        own = rng.normal(size=(8, 1)) * np.sqrt(1 - share)
        d = rng.normal() * np.sqrt(share) + own + rng.normal(0, 0.05, (8, 2))
        found = split_paired_difference(d, np.zeros_like(d), share)
        corrected += found.low <= 0 <= found.high
        simple = paired_difference(d.mean(axis=1), np.zeros(8))
        plain += simple.low <= 0 <= simple.high
    assert 0.94 <= corrected / trials <= 0.965
    assert plain / trials < 0.85


def test_difference_in_differences() -> None:
    rng = np.random.default_rng(12)
    arms = rng.random((4, 6))
    found = difference_in_differences(*arms)
    expected = paired_difference(arms[0] - arms[1], arms[2] - arms[3])
    assert found == expected
    correct = rng.integers(0, 2, (4, 5, 40)).astype(bool)
    crossed = difference_in_differences(*correct)
    a, a0, b, b0 = correct.mean(axis=(1, 2))
    assert crossed.difference == pytest.approx((a - a0) - (b - b0))
    assert crossed.low < crossed.difference < crossed.high
    swapped = difference_in_differences(*correct[[2, 3, 0, 1]])
    assert swapped.difference == pytest.approx(-crossed.difference)
    assert swapped.p == pytest.approx(crossed.p)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: mean_interval([0.9]), "too-few-seeds"),
        (lambda: mean_interval([0.9, float("nan")]), "not-finite"),
        (lambda: paired_difference([0.9, 0.8], [0.9, 0.8, 0.7]), "unpaired"),
        (lambda: crossed_paired_difference(np.ones((1, 9)), np.ones((1, 9))), "too-few-seeds"),
        (lambda: crossed_paired_difference(np.ones((2, 1)), np.ones((2, 1))), "too-few-seeds"),
        (lambda: crossed_paired_difference(np.ones(9), np.ones(9)), "too-few-seeds"),
        (lambda: mcnemar([True], [True, False]), "unpaired"),
        (lambda: holm([0.5, 1.5]), "bad-p"),
        (lambda: holm([float("nan")]), "bad-p"),
        (lambda: bootstrap_interval([1.0]), "too-few-seeds"),
        (lambda: crossed_interval(np.ones((1, 9))), "too-few-seeds"),
        (lambda: split_paired_difference(np.eye(3), np.eye(3), 1.0), "bad-share"),
        (lambda: split_paired_difference(np.eye(3), np.eye(4), 0.2), "unpaired"),
        (lambda: split_paired_difference(np.ones((1, 3)), np.ones((1, 3)), 0.2), "too-few-seeds"),
        (lambda: split_paired_difference([], [], 0.2), "too-few-seeds"),
        (lambda: difference_in_differences([1, 2], [1, 2], [1, 2], [1, 2, 3]), "unpaired"),
    ],
)
def test_each_mistake_has_its_code(call: object, code: str) -> None:
    assert callable(call)
    with pytest.raises(UsageError, match="Expected") as caught:
        call()
    assert caught.value.code == code
