"""`latens pretrain` and `latens classify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from latens.app import texts
from latens.app.settings import ClassifyOptions, PretrainOptions
from latens.cli import options as o
from latens.cli.screen import Screen, duration, plural

MACHINE = ("device", "threads")  # may differ from sitting to sitting


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command()(pretrain)
    app.command()(classify)


@o.takes(PretrainOptions)
def pretrain(
    ctx: typer.Context,
    data: o.Data = None,
    out: o.Out = None,
    resume: o.Resume = None,
    json: o.Json = False,
    **asked: Any,
) -> None:
    """Pretrain an autoencoder on images; labels are not needed.

    Without network options it is latens' own quick network with a code of
    64 numbers. With --conv-layers, --kernel-size, --filters or --tied it is
    the reports' kind: pooled after the first two layers, mirrored.

    Example:  latens pretrain mnist --conv-layers 10 --out runs/ae
    """
    screen = Screen(as_json=json)
    given = o.given(asked, PretrainOptions)
    if resume:
        o.refuse_beside_resume(ctx, *MACHINE)
        o.look_first(data, runs=[resume])
    else:
        o.look_first(o.require_data(data), out=out, given=given)
    with screen.bars() as watch:
        watch.progress("loading torch and the images", 0, 1)
        from latens.app import pretrain as app

        told = hearing(screen, watch)
        watch.progress("loading torch and the images", 1, 1)
        if resume:
            machine = {name: given[name] for name in MACHINE if name in given}
            result = app.resume(resume, data, machine=machine, **told)
        else:
            result = app.pretrain(o.require_data(data), out=out, **told, **given)
    screen.document(result.to_dict())
    _show_curve(screen, result.run)
    show_errors(screen, "Validation error", result.val_mse, result)
    show_pca(screen, result)
    _show_end(screen, result)
    screen.next(after_pretraining(result.run))


@o.takes(ClassifyOptions)
def classify(
    ctx: typer.Context,
    data: o.Data = None,
    encoder: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Reuse the encoder of this run.")
    ] = None,
    mode: Annotated[
        o.ModeName | None,
        typer.Option(help="How to reuse it.", show_default="two-phase, or scratch without encoder"),
    ] = None,
    out: o.Out = None,
    resume: o.Resume = None,
    labels: Annotated[
        str, typer.Option(metavar="N|all", help="Labelled images to learn from, stratified.")
    ] = "all",
    json: o.Json = False,
    **asked: Any,
) -> None:
    """Train a classifier, from a pretrained encoder or from scratch.

    frozen trains the head alone; two-phase the head, then everything;
    fine-tune everything from pretrained weights; scratch everything from
    random ones. The test images are not read.

    Example:  latens classify mnist --encoder runs/ae --labels 500
    """
    screen = Screen(as_json=json)
    given, budget = o.given(asked, ClassifyOptions), texts.labels(labels)
    if resume:
        o.refuse_beside_resume(ctx, *MACHINE)
        o.look_first(data, runs=[resume])
    else:
        o.look_first(o.require_data(data), out=out, runs=[encoder], given=given)
    with screen.bars() as watch:
        watch.progress("loading torch and the images", 0, 1)
        from latens.app import classify as app

        told = hearing(screen, watch)
        watch.progress("loading torch and the images", 1, 1)
        if resume:
            machine = {name: given[name] for name in MACHINE if name in given}
            result = app.resume(resume, data, machine=machine, **told)
        else:
            result = app.classify(
                o.require_data(data), encoder=encoder, mode=mode, labels=budget, out=out,
                **told, **given,
            )  # fmt: skip
    screen.document(result.to_dict())
    _show_curve(screen, result.run)
    screen.say(
        f"Validation accuracy [bold]{result.val_accuracy:.2%}[/bold] "
        f"({result.mode}, {plural(result.labels, 'labelled image')})"
    )
    _show_end(screen, result)
    screen.next(f"latens evaluate {quote(result.run)}")


def hearing(screen: Screen, watch: Any) -> dict[str, Any]:
    """Who is told what while a use case runs: bars for steps and counts, lines for words."""
    return {
        "observers": [watch.observer], "progress": watch.progress, "tell": teller(screen),
    }  # fmt: skip


def teller(screen: Screen) -> Callable[[str], None]:
    """Says lines above the bars where there are bars, else where everything else is said."""
    if not screen.err.is_terminal:
        return screen.plain
    return lambda line: screen.err.print(line, markup=False, soft_wrap=True)


def _show_curve(screen: Screen, path: str) -> None:
    from latens.report.text import sparkline
    from latens.runs.folder import RunFolder

    records = RunFolder.open(path).metrics()
    if len(records) > 1:
        name = next(iter(records[0]["val"]))
        curve = [record["val"][name] for record in records]
        screen.plain(f"Validation {name} {curve[0]:.4g} {sparkline(curve)} {curve[-1]:.4g}")


def show_errors(
    screen: Screen, title: str, mse: float, result: Any, held: str = "reconstruction"
) -> None:
    """The error of clean images; below it what a denoiser or a VAE is judged by."""
    from latens.report.text import objective
    from latens.runs.folder import RunFolder

    values = RunFolder.open(result.run).result(held)[0]
    of = " of clean images" if "noisy_mse" in values else ""
    screen.say(
        f"{title}{of} [bold]{mse:.5f}[/bold] on {plural(values['images'], 'image')} (mean "
        f"squared, pixels from 0 to 1), PSNR {result.psnr:.1f} dB, SSIM {result.ssim:.3f}"
    )
    line = objective(values)
    if line:
        screen.plain(f"{line}.")


def show_pca(screen: Screen, result: Any) -> None:
    """The error of PCA with as many numbers, or why there is none."""
    if result.pca_mse is not None:
        error = f"{result.pca_mse:.5f}" if result.pca_mse >= 0.00001 else "under 0.00001"
        screen.plain(f"PCA with the same {plural(result.code, 'number')}: {error}")
    elif result.pca_reason:
        screen.plain(f"PCA was not computed: {result.pca_reason.rstrip('.')}.")


def _show_end(screen: Screen, result: Any) -> None:
    """Time, findings, and where everything lies.

    The speed is that of the updates; the time also has the validations, so they are told apart.
    """
    screen.plain(
        f"{plural(result.epochs, 'epoch')} in {duration(result.train_seconds)} with validation; "
        f"{result.images_per_second:,.0f} images a second in the updates alone"
    )
    screen.findings(result.findings)
    screen.plain(f"Run: {result.run}\nReport: {result.page}")


def after_pretraining(path: str) -> str:
    """The command to type next: the same that the page of this run names."""
    from latens.report.next_step import after
    from latens.runs.folder import RunFolder

    return after(RunFolder.open(path)).command
