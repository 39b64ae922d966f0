"""Options that several commands share, and how the table of settings becomes flags."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import typer

from latens import choices
from latens.app import settings, texts
from latens.errors import UsageError

ModeName: TypeAlias = choices.Mode
F = TypeVar("F", bound=Callable[..., None])

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
    typer.Option(metavar="HxW", help="Resize images, as 32 or 28x28.", rich_help_panel="Images"),
]
Channels = Annotated[
    int | None,
    typer.Option(min=1, max=4, help="Convert to grey (1) or colour (3).", rich_help_panel="Images"),
]
Keep = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS=N,…", help="Keep so many training images of a class.",
        rich_help_panel="Images",
    ),
]  # fmt: skip
Device = Annotated[str, typer.Option(help="auto, cpu, cuda.", rich_help_panel="Machine")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="CPU threads.", show_default="all cores", rich_help_panel="Machine"),
]


def takes(bundle: type, *, without: Collection[str] = ()) -> Callable[[F], F]:
    """Give a command that ends in ``**asked`` a flag for every option of the bundle.

    Those `without` are left out: the command learns them in another way.
    """

    def decorate(command: F) -> F:
        own = inspect.signature(command, eval_str=True).parameters.values()
        json = [p for p in own if p.name == "json"]  # stands last in the help
        first = [p for p in own if p.name != "json" and p.kind != p.VAR_KEYWORD]
        flags = [flag for flag in _flags(bundle) if flag.name not in without]
        every = [*first, *flags, *json]
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [p.replace(kind=keyword) for p in every]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def _flags(bundle: type) -> list[inspect.Parameter]:
    found = []
    for name, (kind, setting) in settings.table(bundle).items():
        found.append(_parameter(name, _typed(kind, setting), _option(name, setting)))
        if setting.off:
            option = typer.Option(
                setting.off, help=f"The same as --{name} none.", rich_help_panel=setting.panel
            )
            found.append(_parameter(_off(name), bool | None, option))
    return found


def _parameter(name: str, kind: Any, option: Any) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=None, annotation=Annotated[kind, option])


def _typed(kind: Any, setting: settings.Setting) -> Any:
    """The type that the parser reads: text, where the value is made from it later."""
    if setting.read is None:
        return kind
    return list[str] | None if setting.many else str | None


def _option(name: str, setting: settings.Setting) -> Any:
    return typer.Option(
        settings.flag(name, setting),
        help=setting.help,
        show_default=setting.shown or False,
        rich_help_panel=setting.panel,
        metavar=setting.metavar,
        min=setting.least,
        max=setting.most,
    )


def _off(name: str) -> str:
    return f"no_{name}"


def given(asked: dict[str, Any], bundle: type) -> dict[str, Any]:
    """The options that were typed, as the use cases take them.

    Raises `UsageError` for a text that cannot be read, naming its flag.
    """
    found: dict[str, Any] = {}
    for name, (_, setting) in settings.table(bundle).items():
        value = asked.get(name)
        if value not in (None, []):
            found[name] = setting.read(value) if setting.read else value
        if setting.off and asked.get(_off(name)):
            if name in found:
                raise UsageError(
                    f"Expected one of --{name} and {setting.off}; got both.",
                    hint="Leave one out.",
                    code="without-effect",
                )
            found[name] = "none"
    return found


def without_bare_augment(arguments: list[str]) -> list[str]:
    """``--augment`` without names is what classifiers do anyway; it was a flag once."""
    if not arguments or arguments[0] not in ("classify", "compare"):
        return arguments
    after = [*arguments[1:], "--"]
    return [
        argument for argument, following in zip(arguments, after, strict=True)
        if argument != "--augment" or not following.startswith("-")
    ]  # fmt: skip


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
    return {
        "size": parse_size(size),
        "channels": channels,
        "keep": texts.keep(keep) if keep else None,
    }


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``"28x32"`` to (28, 32); None where nothing was said."""
    return None if text is None else texts.size(text)


def look_first(
    data: str | None = None,
    *,
    out: Path | None = None,
    runs: Iterable[Path | None] = (),
    given: Mapping[str, Any] | None = None,
) -> None:
    """Raise for what can be seen to be wrong before torch is loaded, which takes seconds.

    Whether the data, the run folders and the names of noise and augmentations are there, and
    nothing is at `out`. Everything is looked at again where it is used.
    """
    from latens import catalog
    from latens.data import names
    from latens.runs.folder import RunFolder, refuse_existing

    if data is not None and "," not in data:
        names.require(data)
    if out is not None:
        refuse_existing(out)
    for run in runs:
        if run is not None:
            RunFolder.open(run)
    asked = [(given or {}).get(name) for name in ("noise", "augment")]
    for effects in asked:
        for effect in effects if isinstance(effects, list) else ():  # else "none", or not asked
            catalog.require("corrupt", effect["name"])


def require_data(data: str | None) -> str:
    """`data`, or a `UsageError` if it was not given."""
    if data is None:
        raise UsageError(
            "Expected DATA, a name or a path; got none.",
            hint="'latens data list' shows the names; with --resume RUN none is needed.",
            code="no-data",
        )
    return data
