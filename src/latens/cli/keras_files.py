"""`latens import-keras` and `latens export`: models from and for other programs."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from latens.cli import options as o
from latens.cli.screen import Screen, size

PART = Literal["encoder", "autoencoder", "classifier"]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command("import-keras")(import_keras)
    app.command()(export)


def import_keras(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .keras or .h5 file.")],
    out: o.Out = None,
    data: Annotated[
        str | None,
        typer.Option(help="The images that it is for; without it 'evaluate --data' takes any."),
    ] = None,
    encoder_end: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", help="The encoder's last layer.", show_default="the narrowest"
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="For weights alone: the run, Keras file or JSON that describes them."),
    ] = None,
    size: o.Size = None,
    json: o.Json = False,
) -> None:
    """Make a run of an autoencoder or classifier that Keras 2 or 3 saved.

    Nothing in the file is executed: Lambda layers and custom objects are
    refused. Images go in as numbers from 0 to 1.

    Example:  latens import-keras model.h5 --data mnist --out runs/keras
    """
    screen = Screen(as_json=json)
    o.look_first(data, out=out)
    with screen.bars() as watch:
        watch.progress("loading torch", 0, 1)
        from latens.app.keras_files import import_keras as read

        watch.progress("loading torch", 1, 1)
        found = read(
            file, out=out, data=data, encoder_end=encoder_end, like=like,
            size=o.parse_size(size), progress=watch.progress, tell=screen.plain,
        )  # fmt: skip
    screen.document(found.to_dict())
    screen.findings(found.findings)
    screen.plain(f"Run: {found.run}")
    screen.next(f"latens evaluate {quote(found.run)}{'' if data else ' --data DATA'}")


def export(
    run: o.RunPath,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .keras or .h5.")],
    to: Annotated[str, typer.Option(metavar="FORMAT", help="The format: keras.")] = "keras",
    part: Annotated[
        PART | None,
        typer.Option(help="What of it.", show_default="what it was trained for"),
    ] = None,
    json: o.Json = False,
) -> None:
    """Write a run's network into a file that another program loads.

    A .keras is for Keras 3, a .h5 for Keras 2 and 3.

    Example:  latens export runs/clf classifier.keras
    """
    screen = Screen(as_json=json)
    o.look_first(runs=[run])
    with screen.bars() as watch:
        watch.progress("loading torch", 0, 1)
        from latens.app.export import export as write

        watch.progress("loading torch", 1, 1)
        made = write(run, file, to=to, part=part)
    screen.document(made.to_dict())
    channels, height, width = made.image_shape
    screen.plain(
        f"{made.file}: the {made.part}, {made.layers} layers, {size(made.bytes)}; it reads floats "
        f"from 0 to 1 of shape ({height}, {width}, {channels})"
    )
    for note in made.notes:
        screen.plain(f"Note: {note}")
    screen.next(f'python -c "import keras; keras.saving.load_model({str(made.file)!r}).summary()"')
