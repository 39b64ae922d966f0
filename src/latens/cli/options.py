"""Options that several commands share, and how their texts become values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from latens.errors import UsageError

OptimizerName: TypeAlias = Literal["adam", "adamw", "muon", "rmsprop", "sgd"]
ScheduleName: TypeAlias = Literal["constant", "cosine", "linear", "one-cycle"]
PrecisionName: TypeAlias = Literal["auto", "float32", "bfloat16"]
ModeName: TypeAlias = Literal["frozen", "two-phase", "fine-tune", "scratch"]

_DATA, _TRAIN, _MACHINE = "Images", "Training", "Machine"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Data = Annotated[
    str | None, typer.Argument(metavar="DATA", help="A name (latens data list) or a path.")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Out = Annotated[Path | None, typer.Option(help="The run folder to make.", show_default="runs/…")]
Resume = Annotated[
    Path | None, typer.Option(metavar="RUN", help="Go on with a run that was stopped.")
]
Size = Annotated[
    str | None,
    typer.Option(metavar="HxW", help="Resize images, as 32 or 28x28.", rich_help_panel=_DATA),
]
Channels = Annotated[
    int | None,
    typer.Option(min=1, max=4, help="Convert to grey (1) or colour (3).", rich_help_panel=_DATA),
]
Keep = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS=N,…", help="Keep so many training images of a class.", rich_help_panel=_DATA
    ),
]
ValFraction = Annotated[
    float,
    typer.Option(help="Share of training images held out to choose by.", rich_help_panel=_DATA),
]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, help="Passes over the training images.", rich_help_panel=_TRAIN),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images an update.", rich_help_panel=_TRAIN)]
OptimizerOption = Annotated[
    OptimizerName, typer.Option("--optimizer", help="Optimiser.", rich_help_panel=_TRAIN)
]
LearningRate = Annotated[
    float | None,
    typer.Option(help="Peak learning rate.", show_default="by optimiser", rich_help_panel=_TRAIN),
]
ScheduleOption = Annotated[
    ScheduleName,
    typer.Option("--schedule", help="Learning rate over time.", rich_help_panel=_TRAIN),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Decides split, weights, order, noise.", rich_help_panel=_TRAIN)
]
EarlyStopping = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Stop after N validations without a better one.",
        rich_help_panel=_TRAIN,
    ),
]  # fmt: skip
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE",
        help="Any field of the spec, as encoder.up=transposed. May be repeated.",
        rich_help_panel=_TRAIN,
    ),
]  # fmt: skip
Device = Annotated[str, typer.Option(help="auto, cpu, cuda.", rich_help_panel=_MACHINE)]
Precision = Annotated[
    PrecisionName, typer.Option("--precision", help="Of matrix products.", rich_help_panel=_MACHINE)
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="CPU threads.", show_default="all cores", rich_help_panel=_MACHINE),
]


def alone(ctx: typer.Context, *allowed: str) -> bool:
    """Whether no option but ``--resume``, ``--json`` and DATA was given, or one of `allowed`."""
    return not _beside_resume(ctx, allowed)


def refuse_beside_resume(ctx: typer.Context, *allowed: str) -> None:
    """Raise `UsageError` if options stand beside ``--resume``: they would have no effect."""
    given = _beside_resume(ctx, allowed)
    if given:
        raise UsageError(
            f"Expected --resume RUN by itself; got {', '.join(given)} as well.",
            hint="A run goes on as it was asked: leave these out, or begin a new run.",
            code="without-effect",
        )


def _beside_resume(ctx: typer.Context, allowed: tuple[str, ...]) -> list[str]:
    kept = {"data", "resume", "json", *allowed}
    return [
        max(param.opts, key=len)
        for param in ctx.command.params
        if param.name and param.name not in kept
        and getattr(ctx.get_parameter_source(param.name), "name", "") == "COMMANDLINE"
    ]  # fmt: skip


def data_options(size: str | None, channels: int | None, keep: str | None) -> dict[str, Any]:
    """The keyword arguments that say how images are converted and thinned."""
    from latens.data.subset import parse_keep

    return {
        "size": parse_size(size),
        "channels": channels,
        "keep": parse_keep(keep) if keep else None,
    }


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``"28x32"`` to (28, 32), ``"32"`` to (32, 32).

    Raises `UsageError` if it is neither.
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) in (1, 2) and all(part.isdigit() and int(part) for part in parts):
        return int(parts[0]), int(parts[-1])
    raise UsageError(
        f"Expected a size such as 32 or 28x28 (height x width); got {text!r}.",
        hint="Use --size 32x32.",
        code="bad-size",
    )


def parse_labels(text: str) -> int | None:
    """``"all"`` to None, ``"500"`` to 500. Raises `UsageError` for anything else."""
    if text == "all":
        return None
    if text.isdigit() and int(text):
        return int(text)
    raise UsageError(
        f"Expected a number of labels or 'all'; got {text!r}.",
        hint="Use --labels 500 or --labels all.",
        code="bad-labels",
    )


def parse_numbers(text: str, flag: str) -> tuple[int, ...]:
    """``"100,50"`` to (100, 50); empty text to (). Raises `UsageError` naming `flag`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if all(part.isdigit() and int(part) for part in parts):
        return tuple(int(part) for part in parts)
    raise UsageError(
        f"Expected whole numbers separated by commas for {flag}; got {text!r}.",
        hint=f"Use {flag} 100 or {flag} 100,50.",
        code="bad-numbers",
    )


def parse_overrides(pairs: list[str] | None) -> dict[str, str]:
    """``["encoder.up=transposed"]`` to a mapping. Raises `UsageError` without an equals sign."""
    found: dict[str, str] = {}
    for pair in pairs or []:
        field, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(
                f"Expected FIELD=VALUE after --set; got {pair!r}.",
                hint="For example --set encoder.up=transposed.",
                code="bad-override",
            )
        found[field.strip()] = value.strip()
    return found


def require_data(data: str | None) -> str:
    """`data`, or a `UsageError` if it was not given."""
    if data is None:
        raise UsageError(
            "Expected DATA, a name or a path; got none.",
            hint="'latens data list' shows the names; with --resume RUN none is needed.",
            code="no-data",
        )
    return data
