"""One interactive page of a table of trials: parallel coordinates and all that is linked to them.

The page is one file. Its script (report/templates/parallel) and its style are the only ones that
may run: the content security policy names them by their hashes and allows nothing else, no request
either. What comes from users is JSON that cannot end its element, and text that is never HTML.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from latens.errors import plural
from latens.report import words
from latens.report.table import Column, Table, Value, pareto
from latens.runs import atomic

SCRIPTS = (
    "columns", "state", "colours", "lines", "axes", "heads", "settings", "table", "charts",
    "pictures", "main",
)  # fmt: skip
_FOLDER = "templates/parallel"


def page(
    table: Table,
    file: Path,
    *,
    title: str,
    importance: Mapping[str, float] | None = None,
    front: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write the page to `file` and return it.

    `importance` gives shares of column names, from 0 to 1, drawn as bars. `front` are pairs of
    column names (cost, score), as ("seconds", "val_mse"): each becomes a chart with those trials
    marked that no other beats in both. Raises `UsageError` (``unknown-column``) for a name that is
    not in the table, `DataError` (``no-rows``) for a table without rows, `TrainingError`
    (``disk-full``, ``not-writable``) where the disk does not take it.
    """
    table.refuse_empty()
    held = {
        **_held(table),
        "importance": _importance(table, importance or {}),
        "fronts": [_front(table, cost, score) for cost, score in front],
        "file": words.cut(file.stem, 60),
    }
    content = _html(table, words.plain(title), held).encode("utf-8", errors="replace")
    atomic.write(file, lambda out: out.write(content))
    return file


def _held(table: Table) -> dict[str, Any]:
    """The table as the script reads it: columns, their values one column after another, states."""
    score = table.score()
    return {
        "columns": [vars(column) for column in table.columns],
        "values": [[_told(row[i]) for row in table.rows] for i in range(len(table.columns))],
        "states": table.states(),
        "axes": [table.place(column.name) for column in table.axes()],
        "score": None if score is None else table.place(score.name),
    }


def _told(value: Value) -> Value:
    """A cell as JSON can hold it: numbers that are none in JSON by their names in JavaScript."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _importance(table: Table, importance: Mapping[str, float]) -> list[tuple[str, float]]:
    shares = {table.column(name).name: share for name, share in importance.items()}
    known = {name: share for name, share in shares.items() if math.isfinite(share)}
    return sorted(known.items(), key=lambda item: -item[1])


def _front(table: Table, cost: str, score: str) -> dict[str, Any]:
    rows = pareto(table, cost, score)
    return {"cost": table.place(cost), "score": table.place(score), "rows": rows}


def _html(table: Table, title: str, held: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("latens.report", _FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style, script = _read("style.css"), _script()
    return environment.get_template("page.html.j2").render(
        title=title,
        facts=_facts(table),
        notes=[words.plain(note) for note in table.notes],
        has_importance=bool(held["importance"]),
        style=Markup(style), style_hash=_hash(style),
        script=Markup(script), script_hash=_hash(script),
        data=Markup(_inert(held)),
    )  # fmt: skip


def _inert(held: dict[str, Any]) -> str:
    """JSON without a letter that HTML knows, so that no value can end the element it stands in."""
    text = json.dumps(held, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _script() -> str:
    body = "\n".join(_read(f"{name}.js") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{body}\n}})();\n'


def _read(name: str) -> str:
    return (files("latens.report") / _FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _facts(table: Table) -> str:
    """What the table holds, in a sentence or two."""
    roles = Counter(column.role for column in table.columns)
    held = [plural(len(table.rows), "trial")]
    held += [plural(roles["parameter"], "parameter")] if roles["parameter"] else []
    held += [plural(roles["metric"], "metric")] if roles["metric"] else []
    states = Counter(table.states())
    ended = [f"{count:,} {state}" for state, count in states.items() if state != "complete"]
    parts = [", ".join([*held, *ended]) + "."]
    asked = [column for column in table.columns if column.role != "other"]
    same = [name for column in asked if (name := _constant(table, column))]
    if same and len(table.rows) > 1:
        parts.append(f"The same in all: {', '.join(same)}.")
    return " ".join(parts)


def _constant(table: Table, column: Column) -> str:
    """ "dropout 0.3" for a column that has one value alone, else empty."""
    values = {str(value) for value in table.values(column.name)}
    alone = values.pop() if len(values) == 1 else "None"
    return "" if alone == "None" else words.plain(f"{column.name} {words.cut(alone, 30)}")
