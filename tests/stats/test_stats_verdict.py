"""The verdict and the one sentence that a person reads."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latens.stats import sentence, verdict

FRACTION = st.floats(-1, 1)


def test_sentences_of_each_kind() -> None:
    gain = "pretraining (two-phase) +2.1 points at 50 labels, 95% interval 1.2 to 3.0"
    assert sentence("two-phase", 50, 0.021, 0.012, 0.03, 0.004) == f"{gain}, corrected p 0.004"
    nothing = (
        "no benefit shown from pretraining (frozen) at all labels: -0.1 points, "
        "95% interval -0.4 to 0.2, corrected p 0.61"
    )
    assert sentence("frozen", "all", -0.001, -0.004, 0.002, 0.61) == nothing
    loss = (
        "pretraining (frozen) hurts: -2.1 points at 1 label, "
        "95% interval -3.0 to -1.2, corrected p < 0.001"
    )
    assert sentence("frozen", 1, -0.021, -0.03, -0.012, 0.00001) == loss


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (0.01, 0.03, 0.01, "gain"),
        (-0.03, -0.01, 0.01, "loss"),
        (0.01, 0.03, 0.06, "no benefit"),
        (-0.01, 0.05, 0.01, "no benefit"),
        (-0.03, -0.01, 0.05, "no benefit"),
        (0.0, 0.0, 1.0, "no benefit"),
    ],
)
def test_verdict_needs_p_and_interval(low: float, high: float, p: float, expected: str) -> None:
    assert verdict((low + high) / 2, low, high, p) == expected


def test_too_few_seeds_cannot_say_that_there_is_no_benefit() -> None:
    assert [verdict(0.1, -0.2, 0.4, 0.3, seeds=n) for n in (2, 4, 5)] == [
        "not shown", "not shown", "no benefit",
    ]  # fmt: skip
    text = sentence("frozen", 50, 0.1, -0.2, 0.4, 0.3, seeds=2)
    assert text.startswith("not shown with 2 seeds that pretraining (frozen) helps at 50 labels")
    assert verdict(0.1, 0.05, 0.15, 0.01, seeds=2) == "gain"


SEEDS = st.integers(2, 9)


@given(st.lists(FRACTION, min_size=3, max_size=3).map(sorted), st.floats(0, 1), SEEDS)
def test_the_sentence_never_contradicts_the_verdict(
    ends: list[float], p: float, seeds: int
) -> None:
    low, difference, high = ends
    text = sentence("frozen", 50, difference, low, high, p, seeds=seeds)
    found = verdict(difference, low, high, p, seeds=seeds)
    assert text.startswith("no benefit") == (found == "no benefit")
    assert text.startswith("not shown") == (found == "not shown")
    assert ("hurts" in text) == (found == "loss")
    assert "-0.0 " not in text and "nan" not in text
    shown = re.search(r"corrected p (< )?([\d.e-]+)$", text)
    assert shown and ((float(shown[2]) < 0.05) == (p < 0.05))


def test_a_small_gain_is_not_shown_as_touching_zero() -> None:
    assert "0.02 to 0.90" in sentence("frozen", 50, 0.005, 0.0002, 0.009, 0.04)


def test_rounding_does_not_carry_p_across_alpha() -> None:
    assert sentence("frozen", 50, 0.005, 0.001, 0.009, 0.0497).endswith("p 0.0497")


def test_the_examples_in_the_docstrings() -> None:
    found = doctest.testmod(importlib.import_module("latens.stats.verdicts"))
    assert found.attempted and not found.failed
