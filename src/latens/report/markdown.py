"""A study's result as files for a repository: NAME.md, NAME.json and a few small pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from latens.report import study
from latens.report.figures import RunLike
from latens.runs import atomic

WIDTH = 900  # pixels of a picture at most; pages in a repository are read on screens
MOST = 10  # pictures


def export(run: RunLike, name: str, folder: Path) -> Path:
    """Write ``folder/NAME.md`` with its pictures and numbers beside it; the page's path."""
    result, _ = run.result("study")
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_json(folder / f"{name}.json", result)
    pictures = _pictures(run.report_dir, folder, name)
    extra = {
        other: run.result(other)[0]["rows"]
        for other in run.results()
        if run.result(other)[0].get("rows")
    }
    page = folder / f"{name}.md"
    words = text(result, pictures, extra)
    atomic.write(page, lambda file: file.write(words.encode()))
    return page


def text(
    result: Mapping[str, Any],
    pictures: Sequence[str] = (),
    extra: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> str:
    """The page: question, where and when, arms, differences, the report's numbers, pictures."""
    parts = [
        f"# {result['name']} ({result['scale']})",
        result["question"],
        f"```\n{result['command']}\n```",
        f"{result['data']}, {len(result['seeds'])} seeds, {result['date']}; {result['hardware']}; "
        f"{result['versions']}. From {result['source']}.",
        study.headline(result).sentence,
        "## Arms",
        _table(*study.rows(result["arms"], result["metric"])),
    ]
    if result["contrasts"]:
        parts += ["## Differences", *(f"- {sentence}" for sentence in study.sentences(result))]
    if result["reported"]:
        parts += ["## The report's numbers", _table(*study.reported(result))]
    for name, rows in (extra or {}).items():
        parts += [f"## {name.replace('-', ' ').capitalize()}", _table(*study.lines(rows))]
    if result["remarks"]:
        parts += ["## Remarks", *(f"- {remark}" for remark in result["remarks"])]
    parts += [f"![{Path(picture).stem}]({picture})" for picture in pictures]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ").replace("\n- ", "\n\n- ", 1) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines
    )


def _pictures(drawn: Path, folder: Path, name: str) -> list[str]:
    """The report's figures, made smaller; their names."""
    kept = []
    for file in sorted(drawn.glob("*.png"))[:MOST]:
        target = f"{name}-{file.stem}.png"
        with Image.open(file) as picture:
            picture.thumbnail((WIDTH, WIDTH * 2))
            picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(
                folder / target, optimize=True
            )
        kept.append(target)
    return kept
