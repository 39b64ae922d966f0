"""A study's result as files for a repository: NAME.md, NAME.json and a few small pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from latens import catalog
from latens.errors import plural
from latens.report import figures, study
from latens.report.figures import RunLike
from latens.runs import atomic

WIDTH = 900  # pixels of a picture at most; pages in a repository are read on screens
COLOURS = 64
MOST = 10  # pictures
Picture = tuple[str, str]
"""A file's name and what it shows."""


def export(run: RunLike, name: str, folder: Path) -> Path:
    """Write ``folder/NAME.md`` with its pictures and numbers beside it; the page's path."""
    result, _ = run.result("study")
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_json(folder / f"{name}.json", result)
    found = {other: run.result(other)[0].get("rows") for other in run.results()}
    page = folder / f"{name}.md"
    extra = {other: rows for other, rows in found.items() if rows}
    words = text(result, _pictures(run, folder, name), extra)
    atomic.write(page, lambda file: file.write(words.encode()))
    return page


def text(
    result: Mapping[str, Any],
    pictures: Sequence[Picture] = (),
    extra: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> str:
    """The page: question, answer, where and when, arms, differences, the report's numbers."""
    seeds = len(result["seeds"])
    parts = [
        f"# {result['name']} ({result['scale']})",
        result["question"],
        study.answer(result),
        f"```\n{result['command']}\n```",
        f"{result['data']}, {plural(seeds, 'seed')}, {result['date']}; "
        f"{result['hardware']}; {result['versions']}. From {result['source']}.",
        "## Arms",
        _table(*study.rows(result["arms"])),
    ]
    parts += _listed("Differences", study.sentences(result))
    if result["reported"]:
        parts += ["## The report's numbers", _table(*study.reported(result))]
    for name, rows in (extra or {}).items():
        parts += [f"## {name.replace('-', ' ').capitalize()}", _table(*study.lines(rows))]
    cautions = [note.message for note in study.warnings(result)]
    parts += _listed("Remarks", [*cautions, *result["remarks"]])
    parts += ["## Figures"] if pictures else []
    parts += [f"![{Path(file).stem}]({file})\n\n{caption}" for file, caption in pictures]
    return "\n\n".join(parts) + "\n"


def _listed(title: str, items: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"- {item}" for item in items)] if items else []


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose numbers are aligned at the right; a row of one cell is a heading."""
    numeric = [_numbers(column) for column in zip(*(r for r in rows if len(r) > 1), strict=True)]
    rule = ["---:" if right else "---" for right in numeric or [False] * len(columns)]
    lines = [_line(columns), _line(rule)]
    for row in rows:
        full = len(row) == len(columns)
        lines.append(_line(row if full else [f"**{row[0]}**", *[""] * (len(columns) - 1)]))
    return "\n".join(lines)


def _numbers(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers: every cell that is not empty begins like one."""
    known = [cell for cell in cells if cell]
    return bool(known) and all(cell.lstrip("−-<p= ")[:1].isdigit() for cell in known)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _pictures(run: RunLike, folder: Path, name: str) -> list[Picture]:
    """The figures that were drawn, made smaller, the study's own first."""
    kept: list[Picture] = []
    for result in sorted(run.results(), key=lambda each: (each != "study", each)):
        kind = figures.kind(result)
        captions = catalog.load("report.plots", kind).CAPTIONS if kind else {}
        for key, caption in captions.items():
            file = run.report_dir / f"{result}-{key}.png"
            if file.exists() and len(kept) < MOST:
                target = f"{name}-{file.stem}.png"
                _smaller(file, folder / target)
                kept.append((target, caption))
    return kept


def _smaller(file: Path, target: Path) -> None:
    with Image.open(file) as picture:
        picture.thumbnail((WIDTH, WIDTH * 2))
        small = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS)
        small.save(target, optimize=True)
