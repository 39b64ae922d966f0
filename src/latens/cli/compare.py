"""`latens compare` and `latens demo`: the verdict."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from latens.app import texts
from latens.app.settings import CompareOptions
from latens.cli import options as o
from latens.cli.screen import Screen
from latens.cli.train import hearing


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command()(compare)
    app.command()(demo)


@o.takes(CompareOptions)
def compare(
    ctx: typer.Context,
    data: o.Data = None,
    labels: Annotated[
        str, typer.Option(metavar="N,…", help="Label budgets, as 50,500,all.")
    ] = "all",
    modes: Annotated[
        str, typer.Option(help="Of frozen, two-phase, fine-tune; scratch is always there.")
    ] = "frozen,two-phase,scratch",
    seeds: Annotated[int, typer.Option(min=2, help="Repetitions; five or more to trust.")] = 5,
    out: o.Out = None,
    resume: o.Resume = None,
    json: o.Json = False,
    **asked: Any,
) -> None:
    """Did pretraining help? Pretrained arms against a matched one from scratch.

    Every arm has the same architecture, updates and labels; all are tested
    once. The verdict has 95 % intervals and p-values corrected for the number
    of comparisons. Objective, network and --pretrain-epochs are those of the
    autoencoders, --head, --augment and --epochs those of the classifiers.

    Example:  latens compare mnist --labels 50,500,all --objective denoise
    """
    screen = Screen(as_json=json)
    if resume:
        o.refuse_beside_resume(ctx, *(name for name in ctx.params if name != "out"))
    given = o.given(asked, CompareOptions)
    if resume and o.alone(ctx):
        o.look_first(data, runs=[resume])
    else:
        o.look_first(o.require_data(data), out=out, runs=[resume], given=given)
    with screen.bars() as watch:
        from latens.app import compare as app

        told = hearing(screen, watch)
        if resume and o.alone(ctx):
            result = app.resume(resume, data, **told)
        else:
            result = app.compare(
                o.require_data(data), labels=_budgets(labels), modes=_modes(modes), seeds=seeds,
                out=resume or out, resume=resume is not None, **told, **given,
            )  # fmt: skip
    screen.document(result.to_dict())
    show(screen, result)
    screen.next(f"latens runs show {quote(result.run)}")


def demo(
    out: Annotated[Path, typer.Option(help="Where to put pictures and page.")] = Path("demo-out"),
    json: o.Json = False,
) -> None:
    """The whole way in under a minute, offline, on 1,797 real digits.

    Example:  latens demo
    """
    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("loading torch", 0, 1)
        from latens.app.demo import demo as run_demo

        watch.progress("loading torch", 1, 1)
        result = run_demo(out, progress=watch.progress, observers=[watch.observer])
    screen.document(result.to_dict())
    screen.say("", "[bold]latens[/bold] pretrains, reuses, and says whether it helped.", "")
    screen.plain(
        "Data: 1,797 real handwritten digits of 8x8 pixels (scikit-learn's). An autoencoder\n"
        "learns from the unlabelled training images; its encoder is then reused with few labels."
    )
    show(screen, result.comparison)
    screen.plain(f"Reconstructions: {result.picture}")
    screen.next("latens pretrain digits --out runs/digits", "latens --help")


def show(screen: Screen, result: Any) -> None:
    """Arms as a table, one sentence a comparison, findings, the page."""
    rows = [
        [arm["mode"], str(arm["labels"]), f"{arm['mean']:.1%}",
         f"{max(arm['low'], 0):.1%} to {min(arm['high'], 1):.1%}",
         f"{sum(arm['train_seconds']) / len(arm['train_seconds']):.1f} s"]
        for arm in result.arms
    ]  # fmt: skip
    title = f"Test accuracy over {len(result.seeds)} seeds, with 95 % intervals"
    columns = ["mode", "labels", "accuracy", "interval", "training"]
    screen.table(title, columns, rows, right=("labels", "accuracy", "training"))
    screen.say("[bold]Verdict[/bold] (each against scratch: same network, updates and labels)")
    screen.verdicts(result.comparisons)
    screen.findings(result.findings)
    screen.plain(f"\nReport: {result.page}")


def _budgets(text: str) -> list[int | str]:
    found = [texts.labels(part.strip()) for part in text.split(",")]
    return ["all" if budget is None else budget for budget in found]


def _modes(text: str) -> list[Any]:
    from latens.errors import unknown_name

    known = ("frozen", "two-phase", "fine-tune", "scratch")
    modes = [part.strip() for part in text.split(",")]
    for mode in modes:
        if mode not in known:
            raise unknown_name("mode", mode, known)
    return modes
