"""`latens pretrain` and `latens classify`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

import typer

from latens.cli import options as o
from latens.cli.screen import Screen, duration, plural

_NETWORK = "Network"
FEW = 500  # labels that are few for sets with more


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command()(pretrain)
    app.command()(classify)


def pretrain(
    ctx: typer.Context,
    data: o.Data = None,
    out: o.Out = None,
    resume: o.Resume = None,
    network: Annotated[
        Literal["conv", "mlp"], typer.Option(help="Kind of network.", rich_help_panel=_NETWORK)
    ] = "conv",
    conv_layers: Annotated[
        int | None,
        typer.Option(min=2, help="Convolutions in all, half each way.", rich_help_panel=_NETWORK),
    ] = None,
    kernel_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the kernels.", rich_help_panel=_NETWORK)
    ] = None,
    filters: Annotated[
        int | None, typer.Option(min=1, help="Kernels a layer.", rich_help_panel=_NETWORK)
    ] = None,
    double_filters: Annotated[
        bool,
        typer.Option("--double-filters", help="Twice as many a layer.", rich_help_panel=_NETWORK),
    ] = False,
    convs_per_block: Annotated[
        int, typer.Option(min=1, help="Convolutions a block.", rich_help_panel=_NETWORK)
    ] = 1,
    hidden: Annotated[
        str | None,
        typer.Option(
            help="Widths of an MLP's layers, as 512,128.",
            show_default="128",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    latent: Annotated[
        int | None,
        typer.Option(min=0, help="Width of the dense code; 0 for none.", rich_help_panel=_NETWORK),
    ] = None,
    dropout: Annotated[
        float, typer.Option(help="Share of units to drop.", rich_help_panel=_NETWORK)
    ] = 0.0,
    loss: Annotated[
        Literal["mse", "bce"], typer.Option(help="What is learned.", rich_help_panel=_NETWORK)
    ] = "mse",
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = 128,
    optimizer: o.OptimizerOption = "adam",
    learning_rate: o.LearningRate = None,
    schedule: o.ScheduleOption = "one-cycle",
    seed: o.Seed = 0,
    early_stopping: o.EarlyStopping = None,
    set_: o.Set = None,
    size: o.Size = None,
    channels: o.Channels = None,
    keep: o.Keep = None,
    val_fraction: o.ValFraction = 0.1,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Pretrain an autoencoder on images; labels are not needed.

    Without network options it is latens' own quick network with a code of
    64 numbers. With --conv-layers, --kernel-size or --filters it is the
    reports' kind: pooled after the first two layers, mirrored.

    Example:  latens pretrain mnist --conv-layers 10 --out runs/ae
    """
    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("loading torch and the images", 0, 1)
        from latens.app import pretrain as app

        told: dict[str, Any] = {"observers": [watch.observer], "progress": watch.progress}
        watch.progress("loading torch and the images", 1, 1)
        if resume:
            o.refuse_beside_resume(ctx)
            result = app.resume(resume, data, **told)
        else:
            result = app.pretrain(
                o.require_data(data), out=out, network=network, conv_layers=conv_layers,
                kernel_size=kernel_size, filters=filters, double_filters=double_filters,
                convs_per_block=convs_per_block, latent=latent, dropout=dropout, loss=loss,
                hidden=None if hidden is None else o.parse_numbers(hidden, "--hidden"),
                epochs=epochs, batch_size=batch_size,
                optimizer=optimizer, learning_rate=learning_rate, schedule=schedule, seed=seed,
                early_stopping=early_stopping, val_fraction=val_fraction, device=device,
                precision=precision, threads=threads, overrides=o.parse_overrides(set_),
                **o.data_options(size, channels, keep), **told,
            )  # fmt: skip
    screen.document(result.to_dict())
    _show_training(screen, result.run)
    screen.say(
        f"Validation error [bold]{result.val_mse:.5f}[/bold] (mean squared, pixels from 0 to 1), "
        f"PSNR {result.psnr:.1f} dB, SSIM {result.ssim:.3f}"
    )
    if result.pca_mse is not None:
        screen.say(f"PCA with the same {result.code} numbers: {result.pca_mse:.5f}")
    _show_end(screen, result)
    screen.next(after_pretraining(result.run))


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
    hidden: Annotated[
        str, typer.Option(help="Widths of the head's layers.", rich_help_panel=_NETWORK)
    ] = "100",
    dropout: Annotated[
        float, typer.Option(help="Share of units the head drops.", rich_help_panel=_NETWORK)
    ] = 0.3,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = 128,
    optimizer: o.OptimizerOption = "adamw",
    learning_rate: o.LearningRate = None,
    schedule: o.ScheduleOption = "one-cycle",
    augment: Annotated[
        bool,
        typer.Option(help="Rotate, scale and shift training images.", rich_help_panel="Training"),
    ] = True,
    seed: o.Seed = 0,
    early_stopping: o.EarlyStopping = None,
    set_: o.Set = None,
    size: o.Size = None,
    channels: o.Channels = None,
    keep: o.Keep = None,
    val_fraction: o.ValFraction = 0.1,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Train a classifier, from a pretrained encoder or from scratch.

    frozen trains the head alone; two-phase the head, then everything;
    fine-tune everything from pretrained weights; scratch everything from
    random ones. The test images are not read.

    Example:  latens classify mnist --encoder runs/ae --labels 500
    """
    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("loading torch and the images", 0, 1)
        from latens.app import classify as app

        told: dict[str, Any] = {"observers": [watch.observer], "progress": watch.progress}
        watch.progress("loading torch and the images", 1, 1)
        if resume:
            o.refuse_beside_resume(ctx)
            result = app.resume(resume, data, **told)
        else:
            result = app.classify(
                o.require_data(data), encoder=encoder, mode=mode, out=out,
                labels=o.parse_labels(labels), hidden=o.parse_numbers(hidden, "--hidden"),
                dropout=dropout, epochs=epochs, batch_size=batch_size, optimizer=optimizer,
                learning_rate=learning_rate, schedule=schedule, augment=augment, seed=seed,
                early_stopping=early_stopping, val_fraction=val_fraction, device=device,
                precision=precision, threads=threads, overrides=o.parse_overrides(set_),
                **o.data_options(size, channels, keep), **told,
            )  # fmt: skip
    screen.document(result.to_dict())
    _show_training(screen, result.run)
    screen.say(
        f"Validation accuracy [bold]{result.val_accuracy:.2%}[/bold] "
        f"({result.mode}, {plural(result.labels, 'labelled image')})"
    )
    _show_end(screen, result)
    screen.next(f"latens evaluate {quote(result.run)}")


def _show_training(screen: Screen, path: str) -> None:
    """What was trained, where, and how the curve went."""
    from latens.report.text import sparkline
    from latens.runs.folder import RunFolder

    run = RunFolder.open(path)
    about = run.environment()
    for note in about["data_notes"]:
        screen.plain(f"Note: {note}")
    shape = "x".join(str(n) for n in about["data_shape"][1:])
    screen.plain(
        f"{about['data']}: {plural(about['data_images'], 'image')} of {shape}, "
        f"{plural(about['data_shape'][0], 'channel')}; {about['parameters']:,} parameters; "
        f"{about['placement']}"
    )
    curve = [next(iter(record["val"].values())) for record in run.metrics()]
    if len(curve) > 1:
        name = next(iter(run.metrics()[0]["val"]))
        screen.plain(f"Validation {name} {curve[0]:.4g} {sparkline(curve)} {curve[-1]:.4g}")


def _show_end(screen: Screen, result: Any) -> None:
    """Time, findings, and where everything lies."""
    screen.plain(
        f"{plural(result.epochs, 'epoch')} in {duration(result.train_seconds)} "
        f"({result.images_per_second:,.0f} images a second)"
    )
    screen.findings(result.findings)
    screen.plain(f"Run: {result.run}\nReport: {result.page}")


def after_pretraining(path: str) -> str:
    """The command to type next: reuse the encoder, if the images have labels for it."""
    from latens.report.headlines import shown
    from latens.runs.folder import RunFolder

    run = RunFolder.open(path)
    if not run.environment()["class_names"]:
        return f"latens evaluate {quote(path)}"
    data = quote(str(shown(Path(run.spec()["data"]["source"]))))
    labels = " --labels 500" if len(run.split()["labelled"]) > FEW else ""
    return f"latens classify {data} --encoder {quote(path)}{labels}"
