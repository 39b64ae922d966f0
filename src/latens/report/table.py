"""A table of trials: a row is one training, a column a parameter, a metric or something else.

Made by a sweep (`Table.of`) or read from a CSV file (`latens.report.table_csv`); the interactive
page (`latens.report.parallel`) and the figures for a paper (`latens.report.parallel_figures`)
draw it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, Self, TypeAlias

from latens.errors import DataError, unknown_name

Role: TypeAlias = Literal["parameter", "metric", "other"]
Kind: TypeAlias = Literal["number", "text"]
Goal: TypeAlias = Literal["minimize", "maximize"]
State: TypeAlias = Literal["complete", "pruned", "failed", "running"]
Value: TypeAlias = float | int | str | None
Row: TypeAlias = tuple[Value, ...]

WHOLE = 2**53  # whole numbers beyond are not all floats, so a page could not hold them exactly
CROWDED = 40  # names on one axis
DECADES = 100  # positive values that span this factor may want a log axis
_STATES: dict[str, State] = {
    "complete": "complete", "completed": "complete", "finished": "complete", "done": "complete",
    "ok": "complete", "pruned": "pruned", "stopped": "pruned", "fail": "failed",
    "failed": "failed", "error": "failed", "running": "running", "waiting": "running",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column: `log` asks for a log axis, `goal` says which way a metric is better.

    Cells of kind "number" are int, float (NaN and infinities too) or None, those of "text" str or
    None; None is missing.
    """

    name: str
    role: Role = "other"
    kind: Kind = "number"
    log: bool = False
    goal: Goal | None = None


@dataclass(frozen=True)
class Table:
    """`rows` in the order of the trials, each with a cell for every column.

    Column names are unique. A text column named "state" says how trials ended, see `states`.
    `notes` are sentences about what was done to make the table. `judged_by` is the column that
    trials are judged by, where it is not found by itself (see `score`).
    """

    columns: tuple[Column, ...]
    rows: list[Row]
    notes: tuple[str, ...] = ()
    judged_by: str = ""

    @classmethod
    def of(
        cls,
        records: Sequence[Mapping[str, Any]],
        *,
        parameters: Collection[str] = (),
        metrics: Mapping[str, Goal] | None = None,
        log: Collection[str] = (),
    ) -> Self:
        """From one mapping a trial; what a mapping lacks is missing in its row.

        Columns stand in the order in which names first appear. Booleans become "true" and "false",
        tuples and lists text; a column is of numbers where every cell is a number or missing.
        `metrics` maps names to "minimize" or "maximize".
        """
        names = list(dict.fromkeys(name for record in records for name in record))
        rows = [tuple(_cell(record.get(name)) for name in names) for record in records]
        goals = metrics or {}
        made = []
        for place, name in enumerate(names):
            role: Role = (
                "parameter" if name in parameters else "metric" if name in goals else "other"
            )
            kind = kind_of(row[place] for row in rows)
            made.append(Column(name, role, kind, name in log, goals.get(name)))
        return cls(tuple(made), _texts(made, rows))

    def refuse_empty(self) -> None:
        """Raise `DataError` (``no-rows``) where there is nothing to draw."""
        if not self.rows:
            raise DataError(
                "Expected a table with at least one row; got none.",
                hint="Finish at least one trial.",
                code="no-rows",
            )

    def place(self, name: str) -> int:
        """The index of a column; raises `UsageError` (``unknown-column``) with the known names."""
        names = [column.name for column in self.columns]
        if name not in names:
            raise unknown_name("column", name, names)
        return names.index(name)

    def column(self, name: str) -> Column:
        """The column of this name."""
        return self.columns[self.place(name)]

    def values(self, name: str) -> list[Value]:
        """All cells of a column."""
        place = self.place(name)
        return [row[place] for row in self.rows]

    def numbers(self, name: str) -> list[float]:
        """A column as floats; NaN for what is missing or text."""
        return [
            float(value) if isinstance(value, int | float) else math.nan
            for value in self.values(name)
        ]

    def metrics(self) -> list[Column]:
        """The columns of numbers that are metrics."""
        return [c for c in self.columns if c.role == "metric" and c.kind == "number"]

    def score(self) -> Column | None:
        """What trials are judged by: the first metric of validation, else the first metric.

        Without any metric it is the last column of numbers; None where there is none.
        """
        if self.judged_by:
            return self.column(self.judged_by)
        metrics = self.metrics()
        ours = [column for column in metrics if "val" in column.name.lower()] or metrics
        numbers = [column for column in self.columns if column.kind == "number"]
        return ours[0] if ours else numbers[-1] if numbers else None

    def axes(self) -> list[Column]:
        """The columns worth an axis: parameters, then metrics, that differ and are not crowded.

        All columns where there is none such. "Crowded" is text with more than `CROWDED` values.
        """
        worth = [
            column for column in self.columns
            if column.role != "other" and 1 < self._different(column) <= CROWDED
        ]  # fmt: skip
        return sorted(worth, key=lambda c: c.role == "metric") or list(self.columns)

    def _different(self, column: Column) -> int:
        """How many values a column has, at most 2 for numbers, whose axis has room for all."""
        found = len({str(value) for value in self.values(column.name)})
        return min(2, found) if column.kind == "number" else found

    def states(self) -> list[State]:
        """How each trial ended, from a column "state" or "status"; "complete" without one."""
        for column in self.columns:
            if column.name.lower() in ("state", "status") and column.kind == "text":
                return [state_of(value) for value in self.values(column.name)]
        return ["complete"] * len(self.rows)


def state_of(value: Value) -> State:
    """ "COMPLETE", "TrialState.PRUNED" or "fail" as a state; anything else counts as complete.

    >>> state_of("TrialState.PRUNED"), state_of("FAIL"), state_of("fine")
    ('pruned', 'failed', 'complete')
    """
    return _STATES.get(str(value).rpartition(".")[2].strip().lower(), "complete")


def kind_of(values: Iterable[Value]) -> Kind:
    """ "number" where all that is not missing is a number, and there is one."""
    present = [value for value in values if value is not None]
    numbers = present and all(isinstance(value, int | float) for value in present)
    return "number" if numbers else "text"


def wants_log(values: Iterable[Value]) -> bool:
    """Whether positive numbers spread more evenly on a log axis: their median is nearer its middle.

    >>> wants_log([1e-4, 1e-3, 1e-2]), wants_log([1, 40, 60, 100])
    (True, False)
    """
    found = [v for v in values if isinstance(v, int | float) and math.isfinite(v)]
    if not found or min(found) <= 0 or max(found) / min(found) < DECADES:
        return False
    low, middle, high = min(found), median(found), max(found)
    linear = (middle - low) / (high - low)
    logarithmic = math.log(middle / low) / math.log(high / low)
    return abs(logarithmic - 0.5) < abs(linear - 0.5)


def pareto(table: Table, cost: str, score: str) -> list[int]:
    """The rows that no other row beats in both columns, from the cheapest on.

    Less is better unless a column's goal is "maximize". Only complete trials with finite numbers
    count, and of those with the same values the one that was trained: a column "repeats" names it
    in the others.
    """
    names = [column.name for column in table.columns]
    again = table.values("repeats") if "repeats" in names else [None] * len(table.rows)
    pairs = [
        (_to_minimize(table.column(cost), c), _to_minimize(table.column(score), s), number)
        for number, (c, s, state, twin) in enumerate(
            zip(table.numbers(cost), table.numbers(score), table.states(), again, strict=True)
        )
        if state == "complete" and twin is None and math.isfinite(c) and math.isfinite(s)
    ]
    front: list[int] = []
    best = math.inf
    for _, reached, number in sorted(pairs):
        if reached < best:
            front.append(number)
            best = reached
    return front


def _to_minimize(column: Column, value: float) -> float:
    return -value if column.goal == "maximize" else value


def _cell(value: Any) -> Value:
    """Any value as a cell; numpy's numbers are numbers too."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return "true" if value else "false"
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, int):
        return value if abs(value) <= WHOLE else str(value)
    if isinstance(value, float):
        return value
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def _texts(columns: Sequence[Column], rows: list[Row]) -> list[Row]:
    """Rows whose cells in columns of text are text."""
    texts = [column.kind == "text" for column in columns]
    return [
        tuple(
            str(value) if text and value is not None else value
            for value, text in zip(row, texts, strict=True)
        )
        for row in rows
    ]
