"""`latens sweep` and `latens worker`: a search over hyper-parameters, on one machine or many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from latens.app import texts
from latens.app.settings_sweep import SweepOptions
from latens.cli import options as o
from latens.cli.screen import Screen, duration, plural
from latens.cli.train import MACHINE, hearing
from latens.errors import UsageError

SHOWN = 10  # trials of a table; all are in the page and in trials.csv
SEARCH = "The search"
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="A database that workers reach, as postgresql://HOST/NAME.",
        show_default="a file in the folder", rich_help_panel=SEARCH,
    ),
]  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command()(sweep)
    app.command()(worker)


@o.takes(SweepOptions)
def sweep(
    ctx: typer.Context,
    data: o.Data = None,
    pretrain: Annotated[
        bool | None, typer.Option("--pretrain/--classify", help="What a trial is.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES", rich_help_panel=SEARCH,
            help="What to try, as filters=16,32 or learning_rate=1e-4..1e-2:log or "
            "encoder.up=nearest,transposed. May be repeated.",
        ),
    ] = None,
    search: Annotated[
        Literal["grid", "random", "tpe"],
        typer.Option(help="Try all, draw, or learn from what was tried.", rich_help_panel=SEARCH),
    ] = "tpe",
    trials: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many.", show_default="20; all of a grid", rich_help_panel=SEARCH
        ),
    ] = None,
    prune: Annotated[
        Literal["none", "median", "hyperband"] | None,
        typer.Option(
            help="Stop trials that are worse than others at the same point.",
            show_default="median; none for a grid", rich_help_panel=SEARCH,
        ),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC", help="What trials are judged by on validation, as mse or accuracy.",
            show_default="by objective", rich_help_panel=SEARCH,
        ),
    ] = None,
    storage: Storage = None,
    study: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The sweep's name in the storage.", show_default="the folder's",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    enqueue: Annotated[
        bool,
        typer.Option("--enqueue", help="Only fill the queue, for workers.", rich_help_panel=SEARCH),
    ] = False,
    heartbeat: Annotated[
        int,
        typer.Option(
            min=1, metavar="SECONDS", rich_help_panel=SEARCH,
            help="Between signs of life; after four a worker is taken for dead.",
        ),
    ] = 30,
    encoder: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Classify with the encoder of this run.")
    ] = None,
    mode: Annotated[
        o.ModeName | None,
        typer.Option(help="How to reuse it.", show_default="two-phase, or scratch without encoder"),
    ] = None,
    labels: Annotated[
        str, typer.Option(metavar="N|all", help="Labelled images to learn from, stratified.")
    ] = "all",
    out: Annotated[
        Path | None, typer.Option(help="The sweep's folder to make.", show_default="runs/…")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="SWEEP", help="Go on with a sweep; with more --trials if so asked."),
    ] = None,
    json: o.Json = False,
    **asked: Any,
) -> None:  # fmt: skip
    """Search over hyper-parameters; the answer is a front, not one winner.

    Any option of pretrain or classify, and any field of the spec, can be a
    --param; other options are given as usual and hold for all trials. Each
    trial is a run in the sweep's folder. The test images are not read.

    Example:  latens sweep digits --pretrain --param latent=4,8 --trials 6
    """
    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("loading torch and the images", 0, 1)
        from latens.app import sweep as app

        told = hearing(screen, watch)
        watch.progress("loading torch and the images", 1, 1)
        if resume:
            o.refuse_beside_resume(ctx, "trials", "storage", *MACHINE)
            machine = {name: asked[name] for name in MACHINE}
            result = app.resume(resume, data, trials=trials, storage=storage, **machine, **told)
        else:
            result = app.sweep(
                o.require_data(data), _task(pretrain), params=_params(param or []),
                search=search, trials=trials, prune=prune, score=score, storage=storage,
                study=study, work=not enqueue, heartbeat=heartbeat, encoder=encoder, mode=mode,
                labels=texts.labels(labels), out=out, **told, **o.given(asked, SweepOptions),
            )  # fmt: skip
    screen.document(result.to_dict())
    _show(screen, result)


def worker(
    storage: Annotated[str, typer.Option(metavar="URL", help="The database of the queue.")],
    study: Annotated[str, typer.Option(metavar="NAME", help="The sweep's or study's name there.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Where to keep runs.", show_default="the sweep's own, if it is here"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Where the images are here.", show_default="as there"),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda:1.", rich_help_panel="Machine")
    ] = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Help with a sweep or a study, on any machine, until all of it is done.

    Example:  latens worker --storage postgresql://db/latens --study wide
    """
    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("loading torch and the images", 0, 1)
        from latens.app.worker import worker as work

        told = hearing(screen, watch)
        watch.progress("loading torch and the images", 1, 1)
        machine = {"device": device, "threads": threads}
        result = work(storage, study, folder=folder, data=data, machine=machine, **told)
    screen.document(result.to_dict())
    screen.plain(f"Did {plural(result.trials, 'piece')} of work of {result.of:,}; all are done.")
    screen.next(result.next)


def _task(pretrain: bool | None) -> Literal["pretrain", "classify"]:
    if pretrain is None:
        raise UsageError(
            "Expected --pretrain or --classify, which a trial is; got neither.",
            hint="For example: latens sweep digits --pretrain --param latent=4,8",
            code="no-task",
        )
    return "pretrain" if pretrain else "classify"


def _params(pairs: list[str]) -> dict[str, str]:
    """``["filters=16,32"]`` to a mapping. Raises `UsageError` without an equals sign."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"Expected NAME=VALUES after --param; got {pair!r}.",
                hint="For example --param filters=16,32 or --param dropout=0..0.5.",
                code="bad-param",
            )
        if name.strip() in found:
            raise UsageError(
                f"Expected --param {name.strip()} once; got it twice.",
                hint="Put all of its values into one: NAME=A,B.",
                code="given-twice",
            )
        found[name.strip()] = values.strip()
    return found


def _show(screen: Screen, result: Any) -> None:
    """How many trials came to what, the fronts, the best trials, what mattered, and the page."""
    screen.plain(
        f"{plural(result.complete, 'trial')} complete, {result.pruned:,} pruned, "
        f"{result.failed:,} failed"
    )
    again = [t for t in result.trials if t["repeats"] is not None]
    if again:
        pairs = ", ".join(f"{t['trial']} (as {t['repeats']})" for t in again[:SHOWN])
        more = f" and {len(again) - SHOWN:,} more" if again[SHOWN:] else ""
        screen.plain(
            f"{plural(len(again), 'trial')} had the values of another, took its score and "
            f"{'was' if len(again) == 1 else 'were'} not trained: {pairs}{more}"
        )
    _show_table(screen, result)
    for cost, numbers in result.fronts.items():
        what = {"seconds": "time", "code": "code width"}[cost]
        listed = ", ".join(map(str, numbers))
        if listed:
            screen.plain(f"Front of {result.score} against {what}: trials {listed}")
    if result.importance:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in result.importance.items())
        screen.plain(f"Where scores differ (importance): {shares}")
    for reason in sorted({t["reason"] for t in result.trials if t["reason"]}):
        numbers = [str(t["trial"]) for t in result.trials if t["reason"] == reason]
        screen.plain(f"Failed: {', '.join(numbers)}: {reason}")
    screen.plain(f"Trials: {result.csv}")
    if result.page:
        screen.plain(f"Report: {result.page}")
    screen.next(result.next)


def _show_table(screen: Screen, result: Any) -> None:
    """The trials of both fronts first, then the best of the others."""
    complete = [t for t in result.trials if t["state"] == "complete" and t["repeats"] is None]
    if not complete:
        return
    sign = -1 if result.goal == "maximize" else 1
    front = {number for numbers in result.fronts.values() for number in numbers}
    order = sorted(complete, key=lambda t: (t["trial"] not in front, sign * t[result.score]))
    names = [n for n in complete[0] if n not in ("trial", "state", "reason", "run", "host")]
    parameters = names[: names.index(result.score)]
    columns = ["trial", *parameters, result.score, "time", "code", "parameters", "front"]
    rows = [
        [str(t["trial"]), *(_cell(t[name]) for name in parameters), _score(t[result.score], result),
         duration(t["seconds"]), f"{t['code']:,}", f"{t['parameters']:,}", _fronts(t, result)]
        for t in order[:SHOWN]
    ]  # fmt: skip
    screen.table("", columns, rows, right=tuple(columns[:-1]))
    if order[SHOWN:]:
        screen.plain(f"and {plural(len(order) - SHOWN, 'complete trial')} more")


def _fronts(trial: dict[str, Any], result: Any) -> str:
    words = {"seconds": "time", "code": "code"}
    found = [words[c] for c, numbers in result.fronts.items() if trial["trial"] in numbers]
    return " ".join([*found, *(["best"] if trial["trial"] == result.best else [])])


def _score(value: float, result: Any) -> str:
    return f"{value:.2%}" if result.score == "val_accuracy" else f"{value:.5g}"


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
