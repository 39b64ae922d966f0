"""Measured rows in a file of benchmarks/results, as write_performance.py takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from machine import hardware, sentence


@dataclass(frozen=True)
class Row:
    """One figure: `asked` is None where nothing was; less is better unless `better` says more."""

    work: str
    asked: float | None
    reached: float
    unit: str
    note: str
    better: str = "lower"
    command: str = ""

    def told(self) -> str:
        """For a terminal."""
        asked = "" if self.asked is None else f" (asked: {self.asked:g})"
        return f"{self.work}: {self.reached:.4g} {self.unit}{asked}\n    {self.note}"


def write(file: Path, rows: Sequence[Row], script: str) -> None:
    """Put the rows of a script into the file, in the place of those that it wrote there before."""
    found = json.loads(file.read_text()) if file.exists() else {"rows": []}
    others = [row for row in found["rows"] if row.get("script") != script]
    own = [{**asdict(row), "script": script, "measured": measured()} for row in rows]
    save(file, [*others, *own])
    print(f"Written: {file}")


def measured() -> str:
    """When and on what: each row has its own, as the others in its file may be older."""
    return f"{date.today()}: {sentence(hardware())}"


def save(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """All rows of a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"rows": list(rows)}, indent=1) + "\n")
