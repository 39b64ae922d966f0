"""Tables of trials and their CSV files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_examples import odd, usual

from latens.errors import DataError, UsageError
from latens.report import table_csv, table_names
from latens.report.table import Column, Table, pareto, state_of, wants_log
from latens.report.table_csv import read_csv, write_csv

HIPLOT = """uid,from_uid,accuracy,batch size,epochs,layers,loss
a1,,0.96,64,10,4,0.0031
b2,a1,0.975,128,10,6,0.0022
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trials.csv"


def read(file: Path, content: str | bytes) -> Table:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(file)


def column(table: Table, name: str) -> list[object]:
    return list(table.values(name))


# ---- reading -----------------------------------------------------------------------------------


def test_hiplots_export_is_read_with_its_roles(file: Path) -> None:
    table = read(file, HIPLOT)
    roles = {c.name: (c.role, c.goal) for c in table.columns}
    assert roles["uid"] == roles["from_uid"] == ("other", None)
    assert roles["accuracy"] == ("metric", "maximize") and roles["loss"] == ("metric", "minimize")
    assert roles["batch size"] == ("parameter", None)
    assert column(table, "from_uid") == [None, "a1"] and column(table, "layers") == [4, 6]


@pytest.mark.parametrize("mark", [";", "\t", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_of_spreadsheets(file: Path, mark: str, encoding: str) -> None:
    lines = [
        ["Größe", "loss", "what"],
        ["1", '"0,5"', "ä"],
        ["2", '"1.234,5"', '"x;,\ty"'],
        [""] * 3,
    ]
    table = read(file, "\r\n".join(mark.join(line) for line in lines).encode(encoding))
    assert column(table, "Größe") == [1, 2] and column(table, "loss") == [0.5, 1234.5]
    assert column(table, "what") == ["ä", "x;,\ty"]


def test_numbers_of_all_kinds(file: Path) -> None:
    table = read(file, "x\n1e-300\n-2E+3\n.5\nnan\nInf\n-infinity\nNone\n7\n")
    values = column(table, "x")
    assert values[:3] == [1e-300, -2000.0, 0.5] and math.isnan(float(str(values[3])))
    assert values[4:] == [math.inf, -math.inf, None, 7] and isinstance(values[7], int)


def test_booleans_and_long_identifiers_stay_text(file: Path) -> None:
    table = read(file, "augment,id\nTrue,12345678901234567890\nFalse,1\n")
    assert column(table, "augment") == ["True", "False"]
    assert column(table, "id") == ["12345678901234567890", "1"]


def test_one_slip_among_numbers_is_told(file: Path) -> None:
    table = read(file, "rate,kind\n0.1,a\n0.o1,b\n0.001,c\n")
    assert column(table, "rate") == ["0.1", "0.o1", "0.001"]
    assert [note for note in table.notes if "'0.o1'" in note and "rate" in note]
    assert len(table.notes) == 1, "a column of words is no slip"


def test_names_are_made_different_and_said(file: Path) -> None:
    table = read(file, "loss,loss,,a,\n1,2,3,4,\n")
    assert [c.name for c in table.columns] == ["loss", "loss (2)", "column 3", "a"]
    assert table.notes == ("There are several columns named loss: one is called loss (2) here.",)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty-file"),
        ("\ufeff \n\n", "empty-file"),
        ("a,b\n", "no-rows"),
        ("a,b\n1,2\n1,2,3\n", "ragged-rows"),
        ("a,b\n1,2\n1\n", "ragged-rows"),
        ("1,2\n3,4\n", "not-csv"),
        (b"PK\x03\x04\x00\x00", "not-csv"),
        ("a\n" + "x" * 200_000, "not-csv"),
        ("a;b\n0,5;1\n1.5;2\n", "mixed-decimals"),
    ],
)
def test_what_is_no_table_is_told(file: Path, content: str | bytes, code: str) -> None:
    with pytest.raises(DataError) as told:
        read(file, content)
    assert told.value.code == code and told.value.hint


def test_a_ragged_row_is_told_by_its_line(file: Path) -> None:
    with pytest.raises(DataError, match=r"Expected 2 cells .* got 3 in line 4"):
        read(file, 'a,b\n1,"2\n2"\n1,2,3\n')


def test_missing_files_and_too_many_rows(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (file, tmp_path):
        with pytest.raises(DataError, match="is there") as told:
            read_csv(path)
        assert told.value.code == "no-file"
    monkeypatch.setattr(table_csv, "MOST_ROWS", 2)
    with pytest.raises(DataError, match=r"at most 2 rows .* got 3") as told:
        read(file, "a\n1\n2\n3\n")
    assert told.value.code == "too-many-rows"


# ---- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["usual", *odd()])
def test_what_is_written_is_read_again(file: Path, name: str) -> None:
    table = usual() if name == "usual" else odd()[name]
    again = read_csv(write_csv(table, file))
    assert [c.name for c in again.columns] == [c.name for c in table.columns]
    for one in table.columns:
        before, after = table.values(one.name), again.values(one.name)
        assert repr(after) == repr(before)


numbers = st.one_of(st.floats(), st.integers(-(2**53), 2**53), st.none())


@given(st.lists(numbers, min_size=1).filter(lambda found: any(v is not None for v in found)))
def test_every_number_survives(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    file = tmp_path_factory.mktemp("csv") / "n.csv"
    table = Table.of([{"n": value, "t": "x"} for value in values])
    assert repr(read_csv(write_csv(table, file)).values("n")) == repr(values)


def test_uid_comes_first(file: Path) -> None:
    table = Table.of([{"loss": 1, "from_uid": "b", "uid": "a"}])
    assert write_csv(table, file).read_text() == "uid,from_uid,loss\na,b,1\n"


# ---- tables -----------------------------------------------------------------------------------


def test_a_table_from_records() -> None:
    table = Table.of(
        [
            {"x": np.float32(0.5), "n": np.int64(3), "b": np.True_, "t": (1, 2)},
            {"m": 1.0, "x": None},
        ],
        parameters=["x"], metrics={"m": "maximize"}, log=["x"],
    )  # fmt: skip
    assert table.rows == [(0.5, 3, "true", "1,2", None), (None, None, None, None, 1.0)]
    assert table.column("x") == Column("x", "parameter", "number", log=True)
    assert table.score() == Column("m", "metric", "number", goal="maximize")
    assert [c.name for c in table.axes()] == ["x", "m"]


def test_constant_and_crowded_columns_have_no_axis() -> None:
    assert [c.name for c in usual().axes()] == [
        "learning_rate", "filters", "optimizer", "augment", "val_mse", "val_accuracy", "seconds",
    ]  # fmt: skip
    assert [c.name for c in odd()["many names"].axes()] == ["a", "loss"]


def test_an_unknown_column_is_told() -> None:
    with pytest.raises(UsageError, match="Did you mean filters"):
        usual().column("filter")


def test_an_empty_table_is_told() -> None:
    with pytest.raises(DataError, match="at least one row"):
        Table((), []).refuse_empty()


def test_states() -> None:
    assert [state_of(v) for v in ("COMPLETE", "TrialState.FAIL", "Pruned", None)] == [
        "complete", "failed", "pruned", "complete",
    ]  # fmt: skip
    assert usual().states()[3:8] == ["pruned", "complete", "complete", "complete", "failed"]


def test_the_front_is_what_no_other_beats() -> None:
    points = [(1, 9.0), (2, 5), (2, 4), (3, 4), (9, 1), (0, math.nan), (5, 5)]
    table = Table.of(
        [{"cost": c, "loss": v} for c, v in points] + [{"cost": 0, "loss": 0, "state": "failed"}]
    )
    assert pareto(table, "cost", "loss") == [0, 2, 4]
    found = Table.of([{"cost": c, "gain": v} for c, v in points], metrics={"gain": "maximize"})
    assert pareto(found, "cost", "gain") == [0]
    again = [{"cost": 1, "loss": 2, "repeats": 1}, {"cost": 1, "loss": 2, "repeats": None}]
    assert pareto(Table.of(again), "cost", "loss") == [1]


def test_log_axes_for_what_spreads_over_decades() -> None:
    assert wants_log([1e-5, 1e-4, 1e-3]) and not wants_log([1.0, 50.0, 100.0])
    assert not wants_log([0.0, 1e-3, 1.0]) and not wants_log([1.0, 2.0]) and not wants_log([])


@pytest.mark.parametrize(
    ("name", "role", "goal"),
    [
        ("valLoss", "metric", "minimize"), ("Test F1", "metric", "maximize"),
        ("params_lr", "parameter", None), ("user_attrs_loss", "other", None),
        ("values_0", "metric", "minimize"), ("lossy_filters", "parameter", None),
    ],
)  # fmt: skip
def test_names_tell_roles(name: str, role: str, goal: str | None) -> None:
    assert table_names.guess(name, "number") == (role, goal)
