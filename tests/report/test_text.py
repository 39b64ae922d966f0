"""Plain-text renderings: scikit-learn's own layout, and nothing that a terminal would obey."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_examples import comparison
from sklearn.metrics import classification_report

from latens.report import text, words


@pytest.mark.parametrize("digits", [2, 4])
@pytest.mark.parametrize(
    "names",
    [["a", "b"], ["airplane", "a quite long class name", "猫"], [str(i) for i in range(12)]],
)
def test_report_equals_scikit_learns(names: list[str], digits: int) -> None:
    random = np.random.default_rng(len(names))
    true, said = random.integers(0, len(names), (2, 300))
    both = {"target_names": names, "labels": range(len(names)), "zero_division": 0}
    expected = classification_report(true, said, digits=digits, **both)
    report = classification_report(true, said, output_dict=True, **both)
    assert text.classification_report(report, digits) == expected


def test_report_of_some_classes_equals_scikit_learns_micro_average() -> None:
    both = {"target_names": ["a", "b"], "labels": [0, 1], "zero_division": 0}
    true, said = [0, 1, 2, 0, 1], [0, 2, 1, 1, 1]
    report = classification_report(true, said, output_dict=True, **both)
    assert text.classification_report(report) == classification_report(true, said, **both)


def test_confusion_lines_up_and_shows_every_count() -> None:
    shown = text.confusion([[50, 2], [0, 1234]], ["cat", "automobile"]).splitlines()
    assert len(shown) == 3
    assert len({len(line) for line in shown}) == 1
    assert shown[1].split() == ["cat", "50", "2"]
    assert shown[2].split() == ["automobile", "·", "1234"]


def test_confusion_of_many_classes_names_the_worst_mistakes() -> None:
    counts = np.diag([9] * 13)
    counts[3, 5] = 7
    shown = text.confusion(counts.tolist(), [f"class {i}" for i in range(13)])
    assert shown.split() == ["7", "×", "class", "3", "taken", "for", "class", "5"]


def test_mistakes_of_a_perfect_classifier() -> None:
    assert text.mistakes([[3, 0], [0, 4]], ["a", "b"]) == "no mistakes"


@given(st.lists(st.floats() | st.none(), max_size=200), st.integers(2, 60))
def test_sparkline_fits_its_width_and_never_fails(values: list[float | None], width: int) -> None:
    line = text.sparkline(values, width)
    assert len(line) <= min(width, len(values))
    assert set(line) <= {*text.BARS, " "}


def test_sparkline_rises_with_its_values_and_gaps_where_there_is_none() -> None:
    assert text.sparkline([0, 7, math.nan, 3.5]) == "▁█ ▅"
    assert text.sparkline([2, 2]) == "▁▁"
    assert text.sparkline([math.nan]) == ""
    long = text.sparkline(range(1000), 10)
    assert long[0] == "▁" and long[-1] == "█" and list(long) == sorted(long)


def test_comparison_has_a_line_an_arm_and_a_sentence_a_comparison() -> None:
    result, _ = comparison([50, "all"], ["scratch", "frozen"], gains=(0.021, 0.0))
    shown = text.comparison(result)
    assert [line for line in shown.splitlines() if line.endswith("labels")] == [
        "50 labels",
        "all labels",
    ]
    assert sum("●" in line for line in shown.splitlines()) == 4
    assert "gain: frozen against scratch, +2.1 points at 50 labels" in shown
    assert "95% interval +1.0 to +3.2, corrected p 0.004" in shown
    assert "no benefit: frozen against scratch, 0.0 points at all labels" in shown


def test_comparison_keeps_the_sentence_it_is_given() -> None:
    assert text.verdict({"sentence": "+2.1 points"}) == "+2.1 points"


def test_comparison_of_one_seed_and_of_nothing() -> None:
    alone, _ = comparison([50], ["scratch"], seeds=1)
    assert "●" in text.comparison(alone) and "─" not in text.comparison(alone)
    assert text.comparison({"arms": [], "comparisons": []}) == ""


def test_class_names_cannot_steer_a_terminal() -> None:
    evil = "\x1b[2Jcat\n"
    report = {evil: dict.fromkeys(("precision", "recall", "f1-score", "support"), 1.0)}
    shown = (
        text.classification_report(report)
        + text.confusion([[1]], [evil])
        + text.mistakes([[0, 1], [0, 0]], [evil, evil])
        + text.verdict({"sentence": evil})
    )
    assert "\x1b" not in shown and "cat\n" not in shown.replace(" 1.00", "")


@given(st.none() | st.booleans() | st.floats() | st.text())
def test_numbers_in_words_take_anything(value: object) -> None:
    for tell in (words.number, words.count, words.percent, words.points, words.p_value):
        assert tell(value)
    assert words.seconds(value)


def test_numbers_in_words() -> None:
    assert [words.number(v) for v in (0.00077, -0.5, 12345, None)] == [
        "0.00077",
        "−0.5",
        "12,345",
        "–",
    ]
    assert [words.points(v) for v in (0.021, -0.021, 0.0, -0.0001)] == [
        "+2.1",
        "−2.1",
        "0.0",
        "0.0",
    ]
    assert [words.seconds(v) for v in (0.424, 12.3, 200, 7500)] == [
        "0.424 s",
        "12.3 s",
        "3 min 20 s",
        "2 h 5 min",
    ]
    assert [words.p_value(v) for v in (0.0001, 0.0041)] == ["p < 0.001", "p = 0.004"]
    assert [words.accuracy(0.99416, n) for n in (10000, 360)] == ["99.42%", "99.4%"]
    assert [words.labels(n) for n in (1, 50, "all", None)] == [
        "1 label",
        "50 labels",
        "all labels",
        "all labels",
    ]


@given(st.text(), st.integers(3, 30))
def test_cut_names_fit(name: str, room: int) -> None:
    assert len(words.cut(name, room)) <= room or len(name) <= room
    assert words.cut(name, max(room, len(name))) == name


def test_confusion_keeps_names_that_have_room() -> None:
    names = ["daisy", "sunflower", "carnation"]
    heads = text.confusion([[1, 2, 3]] * 3, names).splitlines()[0]
    assert heads.split() == names
    many = text.confusion([[1] * 12] * 12, [f"a long class name {i}" for i in range(12)])
    assert max(map(len, many.splitlines())) <= text.LINE + 12
