"""CSV files of trials: those of spreadsheets, of HiPlot, of Optuna's data frames, and our own."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from latens.errors import DataError, plural
from latens.report import table_names
from latens.report.table import WHOLE, Column, Table, Value, kind_of, wants_log
from latens.runs import atomic

MOST_ROWS = 100_000  # a page of them is some 50 MB
_MISSING = frozenset(("", "na", "n/a", "null", "none", "-", "–", "#n/a"))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+(e[+-]?\d+)?", re.IGNORECASE)
_BEYOND = {
    **dict.fromkeys(("inf", "+inf", "infinity", "+infinity", "∞"), math.inf),
    **dict.fromkeys(("-inf", "-infinity", "-∞"), -math.inf),
    "nan": math.nan,
}


def read_csv(file: Path) -> Table:
    """A table from a CSV file with a line of names on top.

    Commas, semicolons (then also decimal commas, as in German spreadsheets) or tabs; UTF-8 or
    UTF-16 with or without a byte-order mark, else Windows' Latin letters. Roles, goals and log axes
    follow from names and values: "val_loss" is a metric to minimize, `uid` and `from_uid` are
    neither parameter nor metric. Raises `DataError`: ``no-file``, ``empty-file``, ``not-csv``,
    ``no-rows``, ``too-many-rows``, ``ragged-rows``, ``mixed-decimals``.
    """
    lines = _lines(_text(file), file.name)
    header, *body = lines
    names, notes = _unique(header[1])
    rows = [_cells(number, cells, len(names), file.name) for number, cells in body]
    if not rows:
        raise DataError(
            f"Expected at least one row below the names in {file.name}; got none.",
            hint="Write a row for each trial.", code="no-rows",
        )  # fmt: skip
    columns = [
        _column(name, [row[place] for row in rows], file.name) for place, name in enumerate(names)
    ]
    odd = tuple(note for column, cells in columns for note in _odd_ones(column, cells))
    values = zip(*(cells for _, cells in columns), strict=True)
    return Table(tuple(column for column, _ in columns), list(values), (*notes, *odd))


def write_csv(table: Table, file: Path) -> Path:
    """Write a table so that `read_csv`, HiPlot and spreadsheets read it: UTF-8, commas.

    A column `uid`, then `from_uid`, come first, as HiPlot has them. Numbers keep every digit.
    Raises `TrainingError` (``disk-full``, ``not-writable``).
    """
    order = sorted(range(len(table.columns)), key=lambda i: _hiplot_first(table.columns[i].name))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([table.columns[place].name for place in order])
    writer.writerows([_written(row[place]) for place in order] for row in table.rows)
    atomic.write(file, lambda out: out.write(text.getvalue().encode()))
    return file


def _hiplot_first(name: str) -> int:
    return {"uid": 0, "from_uid": 1}.get(name, 2)


def _written(value: Value) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _text(file: Path) -> str:
    if not file.is_file():
        raise DataError(
            f"Expected a CSV file at {file}; "
            + ("a folder is there." if file.is_dir() else "nothing is there."),
            hint="Check the path.", code="no-file",
        )  # fmt: skip
    content = file.read_bytes()
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if b"\0" in content:
        raise _not_csv(file.name, "bytes that are no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _lines(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Cells of each line, with the number of the line where it ends; less empty ones at the end."""
    if not text.strip():
        raise DataError(
            f"Expected a line of names and rows in {name}; the file is empty.",
            hint="Export it again.", code="empty-file",
        )  # fmt: skip
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise _not_csv(name, f"line {reader.line_num}: {error}") from error
    while not any(cell.strip() for cell in lines[-1][1]):  # spreadsheets write such
        lines.pop()
    if len(lines) > MOST_ROWS + 1:
        raise DataError(
            f"Expected at most {MOST_ROWS:,} rows in {name}; got {len(lines) - 1:,}.",
            hint="Draw a part of them.", code="too-many-rows",
        )  # fmt: skip
    return lines


def _not_csv(name: str, came: str) -> DataError:
    return DataError(
        f"Expected a CSV file in {name}; got {came}.",
        hint="Export it as CSV with a line of names on top.",
        code="not-csv",
    )


def _delimiter(text: str) -> str:
    """What divides the first lines into equally many cells, and into most of them."""
    head = text[:20_000].splitlines()[:20]
    head = [line for line in head if line.strip()]

    def parts(mark: str) -> tuple[int, int]:
        counts = Counter(len(cells) for cells in csv.reader(head, delimiter=mark) if cells)
        cells, times = max(counts.items(), key=lambda item: (item[1], item[0]))
        return (times if cells > 1 else 0), cells

    try:
        return max(";\t,", key=parts)
    except csv.Error:
        return ","


def _unique(header: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Names of columns, none empty and none twice, and what was changed for that."""
    if all(_NUMBER.fullmatch(cell.strip()) for cell in header if cell.strip()):
        raise _not_csv("the first line", "numbers alone, no names of columns")
    names: list[str] = []
    notes: list[str] = []
    while header and not header[-1].strip():  # spreadsheets write empty columns at the right
        header = header[:-1]
    for place, cell in enumerate(header, start=1):
        given = cell.strip() or f"column {place}"
        name, copy = given, 1
        while name in names:
            copy += 1
            name = f"{given} ({copy})"
        if name != given:
            notes.append(f"There are several columns named {given}: one is called {name} here.")
        names.append(name)
    return names, tuple(notes)


def _cells(number: int, cells: list[str], wanted: int, name: str) -> list[str]:
    kept = [*cells[:wanted], *(cell for cell in cells[wanted:] if cell.strip())]
    if len(kept) != wanted:
        raise DataError(
            f"Expected {plural(wanted, 'cell')} in every row of {name}; "
            f"got {len(kept)} in line {number}.",
            hint="Put cells that hold the separator into quotes.", code="ragged-rows",
        )  # fmt: skip
    return [cell.strip() for cell in kept]


def _column(name: str, cells: list[str], file: str) -> tuple[Column, list[Value]]:
    """A column and its values: numbers where every cell is one or missing, else text."""
    values = _numbers(name, cells, file)
    if values is None or kind_of(values) == "text":
        values = [cell or None for cell in cells]
    kind = kind_of(values)
    role, goal = table_names.guess(name, kind)
    # A score on a log axis is for people to choose; parameters are searched on one.
    log = kind == "number" and role != "other" and wants_log(values)
    return Column(name, role, kind, log, goal), values


def _odd_ones(column: Column, cells: list[Value]) -> list[str]:
    """A note on a column of numbers that one slip of the hand has made a column of text."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    odd = {cell for cell in texts if isinstance(_number(cell), str)}
    if column.kind != "text" or len(odd) != 1 or len(texts) < 3 or texts.count(*odd) > 1:
        return []
    return [f"The column {column.name} is text because of {odd.pop()!r} among its numbers."]


def _numbers(name: str, cells: Iterable[str], file: str) -> list[Value] | None:
    """The cells as numbers, or None if one is text. Points or commas, not both in one column."""
    values: list[Value] = []
    marks: dict[str, str] = {}
    for cell in cells:
        value = _number(cell)
        if isinstance(value, str):
            return None
        if _COMMA.fullmatch(cell):
            marks[","] = cell
        elif isinstance(value, float) and "." in cell:
            marks["."] = cell
        values.append(value)
    if len(marks) == 2:
        raise DataError(
            f"Expected one kind of decimal mark in column {name} of {file}; "
            f"got {marks['.']} and {marks[',']}.",
            hint="Export it with one kind.", code="mixed-decimals",
        )  # fmt: skip
    return values


def _number(cell: str) -> Value:
    """A cell as a number, None where it is missing, the cell itself where it is text."""
    low = cell.lower()
    if low in _MISSING:
        return None
    if low in _BEYOND:
        return _BEYOND[low]
    if _COMMA.fullmatch(cell):
        return float(cell.replace(".", "").replace(",", "."))
    if not _NUMBER.fullmatch(cell):
        return cell
    if re.fullmatch(r"[+-]?\d+", cell):
        whole = int(cell) if len(cell) < 20 else WHOLE + 1
        return whole if abs(whole) <= WHOLE else cell
    return float(cell)
