"""Power against textbook sizes, against scipy's noncentral t, and by simulation."""

from __future__ import annotations

import doctest
import importlib
import itertools

import numpy as np
import pytest
from scipy import stats as reference

from latens.errors import UsageError
from latens.stats import detectable, power_sentence, seeds_needed
from latens.stats.power import _power


@pytest.mark.parametrize(("effect", "pairs"), [(0.5, 34), (0.8, 15), (0.2, 199)])
def test_seeds_needed_known_numbers(effect: float, pairs: int) -> None:
    """The textbook sizes of a paired t-test at 80% power and 5% (Cohen 1988; G*Power)."""
    assert seeds_needed(effect * 0.01, 0.01) == pairs
    assert seeds_needed(-effect * 0.01, 0.01) == pairs


@pytest.mark.parametrize("n", [2, 3, 5, 20, 200])
@pytest.mark.parametrize("effect", [0.0, 0.01, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_power_is_that_of_the_noncentral_t(n: int, effect: float, alpha: float) -> None:
    critical, shift = reference.t.ppf(1 - alpha / 2, n - 1), effect * np.sqrt(n)
    expected = reference.nct.sf(critical, n - 1, shift) + reference.nct.cdf(-critical, n - 1, shift)
    if np.isnan(expected):  # scipy gives no number where the answer is 1
        expected = 1.0
    assert _power(n, effect, alpha) == pytest.approx(expected, abs=1e-5)


def test_seeds_needed_find_the_difference_as_often_as_asked() -> None:
    n = seeds_needed(0.02, 0.02)
    d = np.random.default_rng(3).normal(0.02, 0.02, (4000, n))
    found = (reference.ttest_1samp(d, 0, axis=1).pvalue < 0.05).mean()
    assert 0.78 < found < 0.9


def test_seeds_needed_of_differences_takes_their_mean_and_spread() -> None:
    d = np.array([0.004, 0.001, 0.006, -0.002, 0.003])
    assert seeds_needed(d) == seeds_needed(d.mean(), d.std(ddof=1)) == 15
    assert seeds_needed(d, power=0.9) > 15 > seeds_needed(d, power=0.5)


def test_seeds_needed_at_its_ends() -> None:
    assert seeds_needed(0.1, 0.0) <= 3
    assert seeds_needed(1e6, 1e-6) <= 3
    assert seeds_needed(0.0001, 0.01) > 10_000
    sizes = [seeds_needed(d, 0.01) for d in (0.05, 0.02, 0.01, 0.005)]
    assert all(small <= large for small, large in itertools.pairwise(sizes))


@pytest.mark.parametrize("seeds", [2, 3, 5, 34])
def test_what_is_detectable_needs_as_many_seeds(seeds: int) -> None:
    least = detectable(seeds, 0.01)
    assert seeds_needed(least * 1.001, 0.01) == seeds
    assert seeds_needed(least * 0.98, 0.01) > seeds or seeds == 2


def test_the_sentence() -> None:
    told = power_sentence([0.004, 0.001, 0.006, -0.002, 0.003])
    assert told.startswith("5 seeds find a difference of 0.5 points 4 times in 5")
    assert told.endswith("one of 0.2 points needs 15 seeds")
    assert "90% of the time" in power_sentence([0.01, 0.02], power=0.9)
    assert power_sentence([0.01, -0.01]).endswith("4 times in 5")
    assert power_sentence([0.01, 0.01]).endswith("0.0 points 4 times in 5")
    assert "more than 10,000 seeds" in power_sentence([0.1, -0.09999])


def test_the_examples_in_the_docstrings() -> None:
    found = doctest.testmod(importlib.import_module("latens.stats.power"))
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: seeds_needed(0.0, 1.0), "bad-effect"),
        (lambda: seeds_needed(0.1, 1.0, power=0.01), "bad-effect"),
        (lambda: seeds_needed([0.01, -0.01]), "bad-effect"),
        (lambda: seeds_needed([0.01]), "too-few-seeds"),
        (lambda: detectable(1, 0.01), "bad-effect"),
        (lambda: power_sentence([0.1, float("nan")]), "not-finite"),
    ],
)
def test_each_mistake_has_its_code(call: object, code: str) -> None:
    assert callable(call)
    with pytest.raises(UsageError, match="Expected") as caught:
        call()
    assert caught.value.code == code
