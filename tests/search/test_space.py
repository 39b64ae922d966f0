"""What is tried: texts become values and ranges, and what cannot be meant is refused."""

from __future__ import annotations

import json

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latens.app.options import as_json
from latens.errors import UsageError
from latens.search import space
from latens.search.space import Choices, Range, parse


def one(text: str) -> space.Parameter:
    return parse("x", text, as_json)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("16,32,64", (16, 32, 64)),
        (" 0.1 , 1e-3", (0.1, 0.001)),
        ("relu,elu", ("relu", "elu")),
        ("true,false", (True, False)),
        ("null,8", (None, 8)),
        ("5", (5,)),
    ],
)
def test_values(text: str, values: tuple[object, ...]) -> None:
    found = one(text)
    assert isinstance(found, Choices)
    assert found.values == found.labels == found.grid() == values


def test_values_with_commas_stand_in_brackets() -> None:
    found = parse("hidden", "[100],[200,100],50", lambda text: [int(x) for x in text.split(",")])
    assert isinstance(found, Choices)
    assert found.labels == ("100", "200,100", "50")
    assert [found.value(label) for label in found.labels] == [[100], [200, 100], [50]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2..6", Range("x", 2, 6, whole=True)),
        ("0..0.5", Range("x", 0.0, 0.5)),
        ("1e-4..1e-2:log", Range("x", 1e-4, 1e-2, log=True)),
        ("16..64:16", Range("x", 16, 64, whole=True, step=16)),
        ("-1..1:0.5", Range("x", -1.0, 1.0, step=0.5)),
        ("1..256:log", Range("x", 1, 256, whole=True, log=True)),
    ],
)
def test_ranges(text: str, wanted: Range) -> None:
    assert one(text) == wanted


def test_the_type_of_the_option_decides_over_how_a_range_is_written() -> None:
    assert parse("x", "0..1", as_json, whole=False) == Range("x", 0.0, 1.0)
    with pytest.raises(UsageError, match=r"whole numbers for x; got 0\.\.0\.5"):
        parse("x", "0..0.5", as_json, whole=True)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "empty-grid", "values to try for x; got none"),
        (" , ", "empty-grid", "got none"),
        ("3,4,3", "repeated-value", "each value of x once; got 3 twice"),
        ("5..2", "bad-range", "from low to high for x; got 5..2"),
        ("2..2", "bad-range", "from low to high"),
        ("0..1:log", "bad-range", "above 0 for the logarithm of x"),
        ("0..1:logs", "bad-range", "log or a step above 0 after the range of x; got 'logs'"),
        ("0..1:0", "bad-range", "log or a step"),
        ("0..1:-0.5", "bad-range", "log or a step"),
        ("1e-4:1e-2", "bad-range", "a range of x with two dots; got 1e-4:1e-2"),
        ("0..1:1e-9", "grid-too-large", "at most 2,000 steps of x"),
    ],
)
def test_what_cannot_be_meant(text: str, code: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        one(text)
    assert caught.value.code == code and caught.value.hint


def test_text_that_only_looks_like_a_range_is_a_value() -> None:
    found = one("gaussian=0..0.5,none")
    assert isinstance(found, Choices) and found.labels == ("gaussian=0..0.5", "none")


def test_the_grid_has_every_combination_once() -> None:
    found = [*space.points([one("1,2"), parse("y", "0..1:0.25", as_json)])]
    assert len(found) == 10 and found[0] == {"x": 1, "y": 0.0} and found[-1] == {"x": 2, "y": 1.0}
    assert len({json.dumps(point) for point in found}) == 10


@given(st.integers(-50, 50), st.integers(1, 60), st.integers(1, 9))
def test_a_grid_in_steps_begins_low_and_stays_inside(low: int, width: int, step: int) -> None:
    found = Range("x", low, low + width, whole=True, step=step).grid()
    assert found == tuple(range(low, low + width + 1, step))


def test_tenths_are_tenths() -> None:
    assert one("0..1:0.1").grid() == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@pytest.mark.parametrize("text", ["0..0.5", "0.1..1:log", "1..64:log"])
def test_a_grid_needs_steps(text: str) -> None:
    with pytest.raises(UsageError, match="to try for x in a grid") as caught:
        one(text).grid()
    assert caught.value.code == "no-grid"


def test_a_grid_is_not_endless() -> None:
    many = one("0..1:0.001")
    with pytest.raises(UsageError, match="at most 2,000 combinations"):
        space.points([many, parse("y", "0..1:0.001", as_json)])


@pytest.mark.parametrize("text", ["1,2", "a,b", "[1,2],[3]", "0..1", "1..8:log", "0..1:0.25"])
def test_json_and_back(text: str) -> None:
    parameter = parse("x", text, lambda value: value.split(",") if "," in value else as_json(value))
    assert [*space.from_json(json.loads(json.dumps(space.to_json([parameter]))))] == [parameter]


@pytest.mark.parametrize("text", ["1,2", "a,null", "2..6", "0..1", "1e-4..1:log", "0..8:4"])
def test_what_is_suggested_lies_in_the_space(text: str) -> None:
    parameter = one(text)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        found = parameter.suggest(study.ask())
        if isinstance(parameter, Choices):
            assert found in parameter.labels
        else:
            assert isinstance(found, int | float) and parameter.low <= found <= parameter.high
            assert isinstance(found, int) == parameter.whole
