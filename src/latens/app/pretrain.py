"""Pretrain an autoencoder on images; labels are looked at only where it is told the class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from latens import processes, recipes
from latens.app import network, options
from latens.app.following import follow
from latens.app.opening import read_data
from latens.app.settings import PretrainOptions
from latens.app.telling import Tell, mute
from latens.app.training import Trained, next_run_path, start
from latens.app.training import resume as resume_training
from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.data.split import require_classes
from latens.evaluation.autoencoder import reconstruction
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.spec import RunSpec
from latens.train.distributed import world
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
        pca_mse: the error of PCA with as many components; None where it was not computed, for the
            reason in `pca_reason`.
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
    pca_reason: str
    findings: list[dict[str, str]]
    page: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


@options.described(PretrainOptions)
def pretrain(
    data: Any,
    *,
    out: str | Path | None = None,
    report: bool = True,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
    **asked: Unpack[PretrainOptions],
) -> PretrainResult:
    """Train an autoencoder and keep everything in a run folder.

    With `conv_layers`, `kernel_size`, `filters`, `double_filters` or `tied` it is the reports'
    (blocks of convolution, batch normalisation and ReLU, pooled after the first two, mirrored; 10
    layers of 32 kernels of 3x3 where nothing is said). Without them it is latens' own: strided
    convolutions and a dense code of 64 numbers.

    Args:
        data: a name (``"mnist"``), a path, an `ImageSet`, or uint8 images ``[N, H, W]``,
            ``[N, H, W, C]`` or ``[N, C, H, W]``.
        out: the run folder to make; by default the next free one under ``runs/``.
        report: draw figures and a page at the end; `page` is empty without.
        observers, progress: called while it trains and counts.
        tell: called with a line at a time before training begins, such as ``print``.
        asked: see the options below; `noise` and `augment` may be ``"gaussian=0.3"``,
            ``["flip"]`` or ``{"gaussian": (0.1, 0.5)}``, and `overrides` any field of the spec
            by its dotted name, as ``{"encoder.up": "transposed"}``.

    Raises:
        UsageError: an argument that cannot be meant. DataError: unusable images.
        RunError: `out` exists. TrainingError: the loss stopped being finite, or a full disk.
    """
    if not processes.leads():
        return PretrainResult(**follow(data))
    spec, images = planned(data, progress=progress, **asked)
    folder = Path(out) if out else next_run_path(images, "pretrain")
    with start(spec, images, folder, observers=observers, tell=tell) as trained:
        return finish(trained, progress, report)


def planned(
    data: Any, *, progress: Progress = silent, **asked: Unpack[PretrainOptions]
) -> tuple[RunSpec, ImageSet]:
    """What `pretrain` would train, and on which images; nothing is made on disk."""
    given = options.given(asked, PretrainOptions)
    asked_data = options.data_spec(data, given)
    images = read_data(data, asked_data, progress)
    if given.get("conditional"):
        require_classes(images)
    return _spec(given, images, asked_data.model_dump()), images


def _spec(given: options.Options, images: ImageSet, data: dict[str, Any]) -> RunSpec:
    kind = given.get("objective", "denoise" if "noise" in given else "reconstruct")
    epochs = given.get("epochs")
    if epochs is None:
        size = max(1, given.get("batch_size", recipes.BATCH))
        count = int(images.train_count * (1 - data["val_fraction"]))
        epochs = recipes.epochs(count, size, recipes.PRETRAIN_EPOCHS, recipes.PRETRAIN_STEPS)
    optimizer = given.get("optimizer", "adam")
    usual = recipes.classifier(images.name, images.shape).augment
    values = {
        "task": "pretrain",
        "data": data,
        "objective": _objective(kind, given, images),
        "encoder": _encoder(kind, given, images),
        "phases": [
            {
                "name": "autoencoder", "groups": ("encoder", "decoder"), "epochs": epochs,
                "optimizer": optimizer, "schedule": "one-cycle",
                "learning_rate": options.learning_rate(given, optimizer),
            }
        ],
        "train": {
            "augment": options.effects(given.get("augment", False), "augmentation", usual),
            "validate_every": max(1, epochs // recipes.VALIDATIONS),
        },
    }  # fmt: skip
    return options.run_spec(values, given, PretrainOptions)


def _objective(kind: str, given: options.Options, images: ImageSet) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": kind}
    if kind == "vae":
        values["latent"] = given.get("latent", recipes.vae_latent(images.shape))
    if kind == "denoise" and "noise" in given:
        values["corruptions"] = options.effects(given["noise"], "corruption")
    return values


def _encoder(kind: str, given: options.Options, images: ImageSet) -> dict[str, Any]:
    """A VAE makes its code of the features itself: its encoder needs no dense code before that."""
    if kind != "vae":
        usual = recipes.encoder(recipes.latent(images.shape))
        return network.encoder(given, images.shape, usual)
    without = {name: value for name, value in given.items() if name != "latent"}
    return network.encoder(without, images.shape, recipes.encoder(None))


def finish(trained: Trained, progress: Progress = silent, report: bool = True) -> PretrainResult:
    """Evaluate a trained autoencoder on validation, note findings, draw the report."""
    run, model, images = trained.run, trained.model, trained.images
    values, arrays = reconstruction(
        model, images, trained.split, trained.placement.device,
        objective=trained.spec.objective, progress=progress,
    )  # fmt: skip
    run.write_result("reconstruction", values, arrays)
    findings = run_checks(
        Context(
            images=images,
            train_index=trained.split.train,
            val_index=trained.split.val,
            test_index=trained.split.test,
            spec=trained.spec,
            code_size=model.code_size,
            pixels=values["pixels"],
            mse=values["mse"],
            pca_mse=values["pca_mse"],
            active_units=values.get("active"),
        )
    )
    told = [finding.to_dict() for finding in findings]
    run.write_result("findings", {"findings": told}, {})
    result = PretrainResult(
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
        pca_reason=str(values.get("pca_reason") or ""),
        findings=told,
        page=str(build_report(run)) if report else "",
    )
    world().shared(result.to_dict())
    return result


def resume(
    run: str | Path,
    data: ImageSet | Any = None,
    *,
    report: bool = True,
    machine: Mapping[str, Any] | None = None,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
) -> PretrainResult:
    """Go on with an autoencoder's training where it stopped; the same bits as without the stop."""
    if not processes.leads():
        return PretrainResult(**follow(data))
    with resume_training(
        run, data, task="pretrain", machine=machine, observers=observers, progress=progress,
        tell=tell,
    ) as trained:  # fmt: skip
        return finish(trained, progress, report)
