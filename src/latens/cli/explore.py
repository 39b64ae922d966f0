"""`latens explore`: a closer look at a finished run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from latens import choices
from latens.app.settings_explore import ExploreOptions
from latens.cli import options as o
from latens.cli.screen import Screen


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command(short_help="Look more closely at a finished run.")(explore)


@o.takes(ExploreOptions)
def explore(
    run: o.RunPath,
    what: Annotated[choices.Exploration, typer.Argument(metavar="WHAT", help="See above.")],
    data: Annotated[
        str | None, typer.Option(help="The images, if they have moved since the training.")
    ] = None,
    json: o.Json = False,
    **asked: Any,
) -> None:
    """Look more closely at a finished run. WHAT is one of

    - noise: accuracy as noise grows, of a classifier

    - denoising: how clean noisy images come back from an autoencoder

    - maps: the codes of any run in two dimensions

    - anomaly: how an autoencoder's errors tell unknown classes

    - samples: how like real images those of a vae are

    - latent: what the code of a vae means

    Validation images are looked at, because what is chosen on test images
    cannot be tested on them any more: ask for --part test once, at the end.

    Example:  latens explore runs/ae maps --method pca,t-sne
    """
    screen = Screen(as_json=json)
    given = o.given(asked, ExploreOptions)
    o.look_first(data, runs=[run])
    with screen.bars() as watch:
        watch.progress("loading torch", 0, 1)
        from latens.app.explore import explore as look

        watch.progress("loading torch", 1, 1)
        found = look(run, what, data, progress=watch.progress, **given)
    screen.document(found.to_dict())
    _show(screen, found)
    screen.plain(f"Report: {found.page}")
    screen.next(found.next)


def _show(screen: Screen, found: Any) -> None:
    """What the page says of it besides the figures."""
    from latens.report.sections import section

    told = section(found.result, found.numbers)
    screen.say(f"[bold]{told.title}[/bold]")
    for sentence in told.sentences:
        screen.plain(sentence)
    screen.findings([vars(note) for note in told.notes])
    for table in told.tables:
        rows = [list(row) for row in table.rows]
        screen.plain(f"{table.title}:" if table.title else "")
        screen.table("", list(table.header), rows, right=table.header[1:])
