"""`latens data`: list, check and pack images."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from latens.cli import options as o
from latens.cli.screen import Screen, duration, plural
from latens.cli.screen import size as in_bytes

if TYPE_CHECKING:
    from latens.data.check import DataReport


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    group = typer.Typer(help="List, check and pack images.", no_args_is_help=True)
    group.command("list")(list_data)
    group.command("check")(check)
    group.command("pack")(pack)
    app.add_typer(group, name="data")


def list_data(json: o.Json = False) -> None:
    """List the names that DATA can be, and where each comes from.

    Example:  LATENS_DATA=~/datasets latens data list
    """
    from latens.data.names import known

    screen = Screen(as_json=json)
    found = known()
    screen.document([vars(named) for named in found])
    rows = [[n.name, n.where, n.description, _size(n.size)] for n in found]
    screen.table("", ["name", "where", "what", "size"], rows, right=("size",))
    screen.plain("DATA may also be a path: IDX, CIFAR, pictures in folders or archives, npy, npz.")
    screen.next("latens data check digits")


def check(
    data: o.Data = None,
    size: o.Size = None,
    channels: o.Channels = None,
    keep: o.Keep = None,
    json: o.Json = False,
) -> None:
    """Look at images before training: counts, damage, duplicates, leaks, cost.

    Example:  latens data check ./pictures --size 64
    """
    from rich.markup import escape

    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("loading torch", 0, 1)
        from latens.app.data import check as check_data

        watch.progress("loading torch", 1, 1)
        given = o.data_options(size, channels, keep)
        checked = check_data(o.require_data(data), **given, progress=watch.progress)
    report = checked.report
    screen.document(checked.to_dict())
    height, width = report.size
    screen.say(
        f"[bold]{escape(report.name)}[/bold]: {plural(report.images, 'image')} of "
        f"{height}x{width}, {plural(report.channels, 'channel')}"
    )
    for note in report.notes:
        screen.plain(f"Note: {note}")
    _show_parts(screen, report)
    screen.plain(
        f"Memory: {in_bytes(report.memory['images'])} of images, "
        f"about {in_bytes(report.memory['training'])} while training"
    )
    screen.plain(
        f"Time: {duration(checked.epoch_seconds)} an epoch of the default autoencoder, "
        "by a few steps made now"
    )
    screen.findings([finding.to_dict() for finding in report.findings])
    if not report.findings:
        screen.say("[green]✓[/green] Nothing to mend.")
    options = [f"--{name} {quote(v)}" for name, v in (("size", size), ("keep", keep)) if v]
    options += [f"--channels {channels}"] if channels else []
    screen.next(" ".join([f"latens pretrain {quote(str(data))}", *options]))


def _show_parts(screen: Screen, report: DataReport) -> None:
    """How a training divides the images, as a table by class with its sum, and how it is told."""
    columns = ["class", "images", *(_PARTS[name] for name in report.parts)]
    by_class = {name: getattr(report, name) for name in report.parts}
    rows = [
        [name, f"{count:,}", *(f"{by_class[part].get(name, 0):,}" for part in report.parts)]
        for name, count in report.classes.items()
    ]
    total = ["all", f"{report.images:,}", *(f"{count:,}" for count in report.parts.values())]
    if len(rows) > MOST_ROWS:
        rest = f"and {len(rows) - MOST_ROWS} more"
        rows = [*rows[:MOST_ROWS], [rest, *("" for _ in columns[1:])]]
    screen.table("", columns, [*rows, total], right=tuple(columns[1:]))
    if report.parts and report.test_given:
        screen.plain("Test: as the data gives it. Validation: drawn from the rest (10 %).")
    elif report.parts:
        screen.plain(
            "Test: drawn (20 %), because the data gives no test part; the same in every run. "
            "Validation: drawn from the rest (10 %)."
        )


def pack(
    data: o.Data = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the pack.")] = None,
    size: o.Size = None,
    channels: o.Channels = None,
    json: o.Json = False,
) -> None:
    """Decode images once into a memory-mapped pack that opens at once.

    Example:  latens data pack ./pictures --size 64 --out pictures.pack
    """
    from latens.data.load import load
    from latens.data.pack import pack as pack_data

    screen = Screen(as_json=json)
    source = o.require_data(data)
    place = out or Path(f"{Path(source).resolve().name.split('.')[0] or 'images'}.pack")
    with screen.bars() as watch:
        path = pack_data(source, place, watch.progress, size=o.parse_size(size), channels=channels)
    held = sum(file.stat().st_size for file in path.iterdir())
    made = load(path)
    notes = list(made.notes)
    screen.document({"pack": str(path), "bytes": held, "images": len(made), "notes": notes})
    for note in notes:
        screen.plain(f"Note: {note}")
    screen.plain(f"Packed: {path}, {plural(len(made), 'image')} ({in_bytes(held)})")
    screen.next(f"latens pretrain {quote(str(path))}")


MOST_ROWS = 40
_PARTS = {"train": "training", "val": "validation", "test": "test"}


def _size(count: int | None) -> str:
    return "" if count is None else in_bytes(count)
