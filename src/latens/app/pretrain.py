"""Pretrain an autoencoder on images; labels are not looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from latens import recipes
from latens.app import options
from latens.app.opening import read_data
from latens.app.training import Trained, next_run_path, start
from latens.app.training import resume as resume_training
from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.errors import UsageError, unknown_name
from latens.evaluation.autoencoder import reconstruction
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.spec import DataSpec, Optimizer, Schedule, mirrored, parse
from latens.train.records import Observer


@dataclass(frozen=True)
class PretrainResult:
    """A trained autoencoder.

    Attributes:
        run: its folder.
        val_mse: squared error of validation pixels in [0, 1].
        epochs, train_seconds, images_per_second: how long, and how fast (training alone).
        code: how many numbers the encoder keeps of an image; `pixels` of how many.
        psnr, ssim: on validation, in dB and from -1 to 1.
        pca_mse: the error of PCA with as many components, or None where it was not computed.
        findings: `{"code", "severity", "message"}` each.
        page: the report, one self-contained HTML file.
    """

    run: str
    val_mse: float
    epochs: int
    train_seconds: float
    images_per_second: float
    code: int
    pixels: int
    psnr: float
    ssim: float
    pca_mse: float | None
    findings: list[dict[str, str]]
    page: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


def pretrain(
    data: Any,
    *,
    out: str | Path | None = None,
    network: str = "conv",
    conv_layers: int | None = None,
    kernel_size: int | None = None,
    filters: int | None = None,
    double_filters: bool = False,
    convs_per_block: int = 1,
    hidden: Sequence[int] | None = None,
    latent: int | None = None,
    dropout: float = 0.0,
    epochs: int | None = None,
    batch_size: int = 128,
    optimizer: Optimizer = "adam",
    learning_rate: float | None = None,
    schedule: Schedule = "one-cycle",
    loss: str = "mse",
    val_fraction: float = 0.1,
    seed: int = 0,
    early_stopping: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    keep: Mapping[str, int] | None = None,
    overrides: options.Overrides | None = None,
    report: bool = True,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
) -> PretrainResult:
    """Train an autoencoder and keep everything in a run folder.

    With `conv_layers`, `kernel_size`, `filters` or `double_filters` it is the reports' (blocks of
    convolution, batch normalisation and ReLU, pooled after the first two, mirrored; 10 layers of
    32 kernels of 3x3 where nothing is said). Without them it is latens' own: strided convolutions
    and a dense code of 64 numbers.

    Args:
        data: a name (``"mnist"``), a path, an `ImageSet`, or uint8 images ``[N, H, W]``,
            ``[N, H, W, C]`` or ``[N, C, H, W]``.
        out: the run folder to make; by default the next free one under ``runs/``.
        network: ``"conv"`` or ``"mlp"`` (dense layers of the widths in `hidden`, 128 by default).
        latent: the width of a dense code; 0 for none (the last feature map is the code).
        epochs: passes over the training images; by default 5, more for small sets.
        learning_rate: the peak; by default 0.005 (0.02 for muon, 0.001 for rmsprop).
        loss: ``"mse"`` or ``"bce"``.
        early_stopping: stop after so many validations without a better one.
        report: draw figures and a page at the end; `page` is empty without.
        overrides: any field of the spec by its dotted name, as ``{"encoder.up": "transposed"}``.

    Raises:
        UsageError: an argument that cannot be meant. DataError: unusable images.
        RunError: `out` exists. TrainingError: the loss stopped being finite, or a full disk.
    """
    values = options.data_values(
        data, size=size, channels=channels, keep=keep, labels=None, val_fraction=val_fraction
    )
    images = read_data(data, parse(DataSpec, values), progress)
    count = int(images.train_count * (1 - val_fraction))
    encoder = _encoder(
        images, network, conv_layers, kernel_size, filters, double_filters, hidden, latent
    )
    if network == "conv":
        encoder["convs_per_block"] = convs_per_block
    elif convs_per_block != 1:
        _refuse(["--convs-per-block"], network)
    encoder["dropout"] = dropout
    if epochs is None:
        epochs = recipes.epochs(
            count, max(1, batch_size), recipes.PRETRAIN_EPOCHS, recipes.PRETRAIN_STEPS
        )
    spec = options.run_spec(
        {
            "task": "pretrain",
            "data": values,
            "encoder": encoder,
            "objective": {"kind": "reconstruct", "loss": loss},
            "phases": [
                {
                    "name": "autoencoder", "groups": ("encoder", "decoder"), "epochs": epochs,
                    "optimizer": optimizer, "schedule": schedule,
                    "learning_rate": options.learning_rate(learning_rate, optimizer),
                }
            ],
            "train": {
                "batch_size": batch_size, "seed": seed, "early_stopping": early_stopping,
                "device": device, "precision": precision, "threads": threads,
                "validate_every": max(1, epochs // recipes.VALIDATIONS),
            },
        },
        overrides,
    )  # fmt: skip
    folder = Path(out) if out else next_run_path(images, "pretrain")
    return finish(start(spec, images, folder, observers=observers), progress, report)


def _encoder(
    images: ImageSet,
    network: str,
    conv_layers: int | None,
    kernel_size: int | None,
    filters: int | None,
    double_filters: bool,
    hidden: Sequence[int] | None,
    latent: int | None,
) -> dict[str, Any]:
    """The values of the encoder's spec: a dense one, the reports' kind, or latens' own."""
    asked = {
        "--conv-layers": conv_layers, "--kernel-size": kernel_size, "--filters": filters,
        "--double-filters": double_filters or None,
    }  # fmt: skip
    given = [flag for flag, value in asked.items() if value is not None]
    if network == "mlp":
        _refuse(given, network)
        width = 32 if latent is None else latent
        return {"kind": "mlp", "hidden": tuple(hidden or (128,)), "latent": width}
    if network != "conv":
        raise unknown_name("network", network, ("conv", "mlp"))
    _refuse([] if hidden is None else ["--hidden"], network)
    if not given:
        code = recipes.latent(images.shape) if latent is None else latent or None
        return recipes.encoder(code).model_dump()
    down, up = mirrored(
        10 if conv_layers is None else conv_layers,
        32 if filters is None else filters,
        doubling=double_filters,
    )
    return {
        "kind": "conv",
        "encoder_filters": down,
        "decoder_filters": up,
        "kernel_size": 3 if kernel_size is None else kernel_size,
        "latent": latent or None,
        "down_after": tuple(range(1, min(2, len(up)) + 1)),
    }


def _refuse(flags: Sequence[str], network: str) -> None:
    """Raise `UsageError` for options that would have no effect on this kind of network."""
    if flags:
        other = {"mlp": "conv", "conv": "mlp"}[network]
        raise UsageError(
            f"Expected options of a network of kind {network}; got {', '.join(flags)}.",
            hint=f"Leave it out, or use --network {other}.",
            code="without-effect",
        )


def finish(trained: Trained, progress: Progress = silent, report: bool = True) -> PretrainResult:
    """Evaluate a trained autoencoder on validation, note findings, draw the report."""
    run, model, images = trained.run, trained.model, trained.images
    values, arrays = reconstruction(
        model, images, trained.split, trained.placement.device, progress=progress
    )
    run.write_result("reconstruction", values, arrays)
    findings = run_checks(
        Context(
            images=images,
            train_index=trained.split.train,
            val_index=trained.split.val,
            test_index=trained.split.test,
            code_size=model.code_size,
            pixels=values["pixels"],
        )
    )
    told = [finding.to_dict() for finding in findings]
    run.write_result("findings", {"findings": told}, {})
    return PretrainResult(
        run=str(run.path),
        val_mse=values["mse"],
        epochs=trained.epochs,
        train_seconds=trained.seconds,
        images_per_second=trained.images_per_second,
        code=values["code"],
        pixels=values["pixels"],
        psnr=values["psnr"],
        ssim=values["ssim"],
        pca_mse=values["pca_mse"],
        findings=told,
        page=str(build_report(run)) if report else "",
    )


def resume(
    run: str | Path,
    data: ImageSet | Any = None,
    *,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
) -> PretrainResult:
    """Go on with an autoencoder's training where it stopped; the same bits as without the stop."""
    trained = resume_training(run, data, task="pretrain", observers=observers, progress=progress)
    return finish(trained, progress)
