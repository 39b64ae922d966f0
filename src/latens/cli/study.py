"""`latens study`: the questions of the reports, and others, run and answered."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

import typer

from latens import catalog
from latens.choices import Precision
from latens.cli import options as o
from latens.cli.screen import Screen, duration, plural

Name = Annotated[str, typer.Argument(metavar="NAME", help="See 'latens study list'.")]
ScaleOption = Annotated[
    Literal["smoke", "quick", "full"],
    typer.Option("--scale", help="smoke: under a minute; quick: 10 to 20 minutes; full: all."),
]
Folder = Annotated[
    Path | None, typer.Option(help="The study's folder.", show_default="studies/NAME-SCALE")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    group = typer.Typer(help="Questions with arms, seeds and a verdict.", no_args_is_help=True)
    group.command("list")(list_studies)
    group.command("run")(run)
    group.command("report")(report)
    app.add_typer(group, name="study")


def list_studies(json: o.Json = False) -> None:
    """List the studies that there are.

    Example:  latens study list
    """
    from latens.studies import listed

    screen = Screen(as_json=json)
    found = listed()
    screen.document(found)
    rows = [[s["name"], s["question"], s["data"], f"{s['minutes']} min"] for s in found]
    screen.table("", ["name", "question", "data", "quick"], rows, right=("quick",))
    screen.next(f"latens study run {found[0]['name']} --scale smoke")


def run(
    name: Name,
    scale: ScaleOption = "quick",
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Repetitions.", show_default="the study's own")
    ] = None,
    out: Folder = None,
    data: Annotated[
        str | None, typer.Option(help="Other images than the study's own.", metavar="DATA")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A database; 'latens worker' then takes its part."),
    ] = None,
    queue: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its name for workers.", show_default="NAME-SCALE"),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Trainings at a time, each with its share of the cores.",
            rich_help_panel="Machine",
        ),
    ] = 1,
    device: o.Device = "auto",
    threads: o.Threads = None,
    precision: Annotated[
        Precision, typer.Option(help="Of matrix products.", rich_help_panel="Machine")
    ] = "auto",
    json: o.Json = False,
) -> None:
    """Run a study, or go on with it where it stopped.

    Example:  latens study run mnist-two-phase --scale smoke
    """
    screen = Screen(as_json=json)
    catalog.require("studies", name)
    o.look_first(data)
    with screen.bars() as watch:
        watch.progress("loading torch", 0, 1)
        from latens.app import study as app

        watch.progress("loading torch", 1, 1)
        result = app.run(
            name, scale=scale, seeds=seeds, out=out, data=data,
            options={"device": device, "threads": threads, "precision": precision},
            storage=storage, queue=queue, workers=workers,
            observers=[watch.observer], progress=watch.progress,
        )  # fmt: skip
    _show(screen, result)


def report(
    name: Name,
    scale: ScaleOption = "quick",
    out: Folder = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write DIR/NAME.md, its numbers and pictures as well."),
    ] = None,
    json: o.Json = False,
) -> None:
    """Show what a study found, and draw its page again.

    Example:  latens study report mnist-two-phase --to docs/results
    """
    screen = Screen(as_json=json)
    catalog.require("studies", name)
    with screen.bars() as watch:
        watch.progress("drawing", 0, 1)
        from latens.app import study as app

        result = app.report(name, scale=scale, out=out)
        written = app.export(result, to) if to else None
        watch.progress("drawing", 1, 1)
    _show(screen, result, written)


def _show(screen: Screen, result: Any, written: Path | None = None) -> None:
    """The question, a table of the arms, a sentence a contrast, the page, what was `written`."""
    from rich.markup import escape

    from latens.report.study import rows, warnings

    screen.document(result.to_dict())
    screen.say(f"[bold]{escape(result.question)}[/bold]")
    screen.plain(
        f"{result.name} ({result.scale}): {result.data}, {plural(len(result.seeds), 'seed')}, "
        f"{duration(sum(arm['seconds'] for arm in result.arms) * len(result.seeds))} of training"
    )
    columns, lines = rows(result.arms)
    screen.table("", columns, lines, right=tuple(columns[1:]))
    for note in warnings(result.to_dict()):
        screen.findings([{"severity": note.severity, "message": note.message, "code": note.code}])
    screen.plain(f"Best on validation: {result.chosen}")
    screen.verdicts(result.contrasts)
    screen.plain(f"\nReport: {result.page}")
    if written:
        screen.plain(f"Written: {written}, with its numbers and pictures beside it")
    screen.next(f"latens runs show {quote(result.run)}")
