"""Draw a CSV file of trials: an interactive page, and figures for a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from latens.errors import UsageError
from latens.report import parallel as pages
from latens.report import table_csv
from latens.report.table import Column, Goal, Table
from latens.runs import atomic


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Attributes:
        page: the interactive page.
        figures: PNG files; empty where none were asked for.
        trials: how many rows.
        parameters, metrics: names of columns.
        score, goal: the column that trials are judged by and "minimize" or "maximize"; empty where
            the file has no numbers.
        notes: what was changed while reading.
    """

    page: str
    figures: list[str]
    trials: int
    parameters: list[str]
    metrics: list[str]
    score: str
    goal: str
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def parallel(
    file: Path,
    *,
    out: Path | None = None,
    figures: Path | None = None,
    metrics: Mapping[str, Goal | None] | None = None,
    log: Sequence[str] = (),
    title: str | None = None,
) -> Drawn:
    """Draw `file`, a CSV file with a row a trial, onto an interactive page.

    `out` is the page (the file's name with ``.html`` beside it), `figures` a folder for PNG files.
    `metrics` are columns that say how good a trial was, the first of them its score, with the
    direction that is better, or None to go by the name; without any, names decide. `log` are
    columns with log axes. Raises `DataError` for a file that is no table, `UsageError` for columns
    that are not in it (``unknown-column``) or hold no numbers (``no-numbers``) and for a direction
    that is neither min nor max (``unknown-way``).
    """
    table = _told(table_csv.read_csv(file), metrics or {}, log)
    page = _place(file, out)
    with atomic.told_if_full(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    pages.page(table, page, title=title or file.stem)
    drawn: list[Path] = []
    if figures is not None:
        from latens.report.parallel_figures import figures as draw

        drawn = draw(table, figures)
    score = table.score()
    return Drawn(
        page=str(page),
        figures=[str(path) for path in drawn],
        trials=len(table.rows),
        parameters=[column.name for column in table.columns if column.role == "parameter"],
        metrics=[column.name for column in table.columns if column.role == "metric"],
        score=score.name if score else "",
        goal=(score.goal or "minimize") if score else "",
        notes=list(table.notes),
    )


def _place(file: Path, out: Path | None) -> Path:
    page = out or file.with_suffix(".html")
    if page.is_dir():
        page = page / f"{file.stem}.html"
    if page.exists() and page.samefile(file):
        raise UsageError(
            f"Expected another file than the table for the page; got {page}.",
            hint="Use --out page.html.",
            code="same-file",
        )
    return page


def _told(table: Table, metrics: Mapping[str, Goal | None], log: Sequence[str]) -> Table:
    """The table with what was said about its columns."""
    _refuse_ways(table, metrics)
    for name in (*metrics, *log):
        if table.column(name).kind != "number":
            raise UsageError(
                f"Expected a column of numbers; got {name}, which holds text.",
                hint="Name another column, or mend its cells.",
                code="no-numbers",
            )
    columns = tuple(_column(column, metrics, log) for column in table.columns)
    return replace(table, columns=columns, judged_by=next(iter(metrics), ""))


def _refuse_ways(table: Table, metrics: Mapping[str, Goal | None]) -> None:
    """Refuse NAME:WAY that is no column; a name may hold a colon where a column's name does."""
    if any(":" in column.name for column in table.columns):
        return
    for name, colon, way in (text.rpartition(":") for text in metrics):
        if colon:
            raise UsageError(
                f"Expected min or max after {name}:; got {way or 'nothing'}.",
                hint=f"Use --metric {name}:min or --metric {name}:max.",
                code="unknown-way",
            )


def _column(column: Column, metrics: Mapping[str, Goal | None], log: Sequence[str]) -> Column:
    if column.name in log:
        column = replace(column, log=True)
    if column.name in metrics:
        goal = metrics[column.name] or column.goal or "minimize"
        return replace(column, role="metric", goal=goal)
    if metrics and column.role == "metric":  # what was named are all of them
        return replace(column, role="parameter", goal=None)
    return column
