"""`latens data`: list, check and pack images."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from latens.cli import options as o
from latens.cli.screen import Screen, duration, plural

_MB = 1 << 20


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
    if report.classes:
        rows = [
            [name, f"{count:,}", f"{report.train.get(name, 0):,}", f"{report.test.get(name, 0):,}"]
            for name, count in report.classes.items()
        ]
        columns = ["class", "images", "train", "test"]
        screen.table("", columns, rows, right=("images", "train", "test"))
    if not any(report.test.values()):
        screen.plain("No test part is given: training holds out 20 % as test, then validation.")
    screen.plain(
        f"Memory: {_size(report.memory['images'])} of images, "
        f"about {report.memory['training'] / _MB:,.0f} MB while training"
    )
    screen.plain(
        f"Time: about {duration(checked.epoch_seconds)} an epoch of the default autoencoder"
    )
    screen.findings([finding.to_dict() for finding in report.findings])
    if not report.findings:
        screen.say("[green]✓[/green] Nothing to mend.")
    options = [f"--{name} {quote(v)}" for name, v in (("size", size), ("keep", keep)) if v]
    options += [f"--channels {channels}"] if channels else []
    screen.next(" ".join([f"latens pretrain {quote(str(data))}", *options]))


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
    from latens.data.pack import pack as pack_data

    screen = Screen(as_json=json)
    source = o.require_data(data)
    place = out or Path(f"{Path(source).resolve().name.split('.')[0] or 'images'}.pack")
    with screen.bars() as watch:
        path = pack_data(source, place, watch.progress, size=o.parse_size(size), channels=channels)
    held = sum(file.stat().st_size for file in path.iterdir())
    screen.document({"pack": str(path), "bytes": held})
    screen.plain(f"Packed: {path} ({_size(held)})")
    screen.next(f"latens pretrain {quote(str(path))}")


def _size(count: int | None) -> str:
    return "" if count is None else f"{count / _MB:,.1f} MB"
