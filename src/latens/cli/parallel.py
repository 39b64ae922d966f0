"""`latens parallel`: a CSV file of trials as an interactive page."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from latens.cli import options as o
from latens.cli.screen import Screen, plural

if TYPE_CHECKING:
    from latens.report.table import Goal

GOALS: dict[str, Goal] = {"min": "minimize", "max": "maximize"}


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(parallel)


def parallel(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A row a trial, names on top.")],
    out: Annotated[
        Path | None, typer.Option(help="The page to write.", show_default="FILE.html")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write PNG files for a paper as well.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:min|:max]",
            show_default="by their names",
            help="A column that says how good a trial was, and which way is better; the first is "
            "its score. May be repeated.",
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A column with a log axis. May be repeated."),
    ] = None,
    title: Annotated[str | None, typer.Option(show_default="FILE", help="Of the page.")] = None,
    json: o.Json = False,
) -> None:
    """Draw trials from a CSV file: parallel coordinates, table, scatter matrix.

    The page is one file that needs no network. Any table with names on top will
    do: one exported from such a page, from HiPlot, Optuna or a spreadsheet.

    Example:  latens parallel trials.csv --metric val_loss:min --figures figures
    """
    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("drawing", 0, 1)
        from latens.app.parallel import parallel as draw

        metrics = dict(_metric(text) for text in metric or ())
        drawn = draw(file, out=out, figures=figures, metrics=metrics, log=log or (), title=title)
        watch.progress("drawing", 1, 1)
    screen.document(drawn.to_dict())
    for note in drawn.notes:
        screen.plain(f"Note: {note}")
    held = [plural(drawn.trials, "trial"), plural(len(drawn.parameters), "parameter")]
    judged = f", judged by {drawn.score} ({drawn.goal})" if drawn.score else ""
    screen.plain(f"{', '.join(held)}{judged}")
    for path in drawn.figures:
        screen.plain(f"Figure: {path}")
    screen.plain(f"Page: {drawn.page}")
    screen.next(f"python -m webbrowser {quote(Path(drawn.page).resolve().as_uri())}")


def _metric(text: str) -> tuple[str, Goal | None]:
    """``"loss:min"`` to ("loss", "minimize"), ``"loss"`` to ("loss", None)."""
    name, mark, way = text.rpartition(":")
    return (name, GOALS[way]) if mark and way in GOALS else (text, None)
