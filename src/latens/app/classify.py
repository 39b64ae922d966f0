"""Train a classifier, from a pretrained encoder or from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latens import recipes, transfer
from latens.app import options
from latens.app.opening import read_data, require_finished, task_of
from latens.app.training import Trained, build_model, next_run_path, start, stored_split
from latens.app.training import resume as resume_training
from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.data.split import Split, require_classes
from latens.errors import RunError, UsageError
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.runs.folder import RunFolder
from latens.spec import DataSpec, Mode, Optimizer, PhaseSpec, RunSpec, Schedule, parse
from latens.train import checkpoint
from latens.train.records import Observer


@dataclass(frozen=True)
class ClassifyResult:
    """A trained classifier.

    Attributes:
        run: its folder.
        mode: how the encoder was reused; "scratch" if it was not.
        val_accuracy: share of validation images that are right, 0 to 1.
        epochs, train_seconds, images_per_second: over all phases, training alone.
        labels: how many labelled images it was trained on.
        findings: `{"code", "severity", "message"}` each.
        page: the report, one self-contained HTML file.
    """

    run: str
    mode: str
    val_accuracy: float
    epochs: int
    train_seconds: float
    images_per_second: float
    labels: int
    findings: list[dict[str, str]]
    page: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


def classify(
    data: Any,
    *,
    encoder: str | Path | None = None,
    mode: Mode | None = None,
    out: str | Path | None = None,
    hidden: Sequence[int] = (100,),
    dropout: float = 0.3,
    labels: int | None = None,
    epochs: int | None = None,
    batch_size: int = 128,
    optimizer: Optimizer = "adamw",
    learning_rate: float | None = None,
    schedule: Schedule = "one-cycle",
    weight_decay: float = 0.01,
    label_smoothing: float = 0.0,
    augment: bool = True,
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
) -> ClassifyResult:
    """Train a classifier and keep everything in a run folder. The test part is not read.

    Args:
        data: as for `pretrain`, with labels.
        encoder: a pretraining run whose encoder is reused. Its images' size and channels are
            taken over. Without one, latens' own network is trained from scratch.
        mode: ``"frozen"``, ``"two-phase"`` (the default with an encoder), ``"fine-tune"``, or
            ``"scratch"`` (with an encoder: its architecture with random weights, the control).
        hidden, dropout: the dense layers of the head, and what they drop.
        labels: use so many labelled training images, stratified; None for all.
        epochs: over all phases; by default 6, more where there are few labels.
        augment: random rotation, scale, shear and shift of training images.
        report: draw figures and a page at the end; `page` is empty without.
        overrides: any field of the spec by its dotted name.

    Raises:
        UsageError, DataError, RunError, TrainingError: as `pretrain`.
    """
    mode = _mode(mode, encoder, epochs)
    origin = _opened(encoder) if encoder else None
    before = parse(RunSpec, origin.spec()) if origin else None
    if before and origin:
        channels_before, *size_before = origin.environment()["data_shape"]
        size, channels = size or tuple(size_before), channels or channels_before
    values = options.data_values(
        data, size=size, channels=channels, keep=keep, labels=labels, val_fraction=val_fraction
    )
    images = read_data(data, parse(DataSpec, values), progress)
    require_classes(images)
    count = labels or int(images.train_count * (1 - val_fraction))
    if epochs is None:
        size_of_batch = max(1, min(batch_size, count))
        epochs = recipes.epochs(
            count, size_of_batch, recipes.CLASSIFY_EPOCHS, recipes.CLASSIFY_STEPS
        )
    head = recipes.REPORT_HEAD if before else recipes.HEAD
    training: dict[str, Any] = {
        "epochs": epochs, "optimizer": optimizer, "schedule": schedule,
        "learning_rate": options.learning_rate(learning_rate, optimizer),
        "weight_decay": weight_decay,
    }  # fmt: skip
    parse(PhaseSpec, {"name": "all", "groups": ("head",), **training})
    spec = options.run_spec(
        {
            "task": "classify",
            "data": values,
            "encoder": (before.encoder if before else recipes.encoder(None)).model_dump(),
            "objective": {"kind": "classify", "label_smoothing": label_smoothing},
            "head": {**head.model_dump(), "hidden": tuple(hidden), "dropout": dropout},
            "phases": [phase.model_dump() for phase in transfer.phases(mode, **training)],
            "train": {
                "batch_size": batch_size, "seed": seed, "early_stopping": early_stopping,
                "device": device, "precision": precision, "threads": threads,
                # Few labels are no reason to peek at many: without a budget the best epoch on
                # validation is kept, with one simply the last.
                "keep": "last" if labels else "best",
                "augment": [a.model_dump() for a in recipes.AUGMENT] if augment else [],
                "validate_every": max(1, epochs // recipes.VALIDATIONS),
            },
            "mode": mode,
            "origin": _origin(origin, images, before) if origin and mode != "scratch" else None,
        },
        overrides,
    )  # fmt: skip
    folder = Path(out) if out else next_run_path(images, "classify")
    return finish(start(spec, images, folder, observers=observers), report)


def finish(trained: Trained, report: bool = True) -> ClassifyResult:
    """Note findings and draw the report of a trained classifier."""
    run = trained.run
    told = [finding.to_dict() for finding in run_checks(_context(trained))]
    run.write_result("findings", {"findings": told}, {})
    return ClassifyResult(
        run=str(run.path),
        mode=str(trained.spec.mode),
        val_accuracy=trained.val["accuracy"],
        epochs=trained.epochs,
        train_seconds=trained.seconds,
        images_per_second=trained.images_per_second,
        labels=len(trained.split.labelled),
        findings=told,
        page=str(build_report(run)) if report else "",
    )


def resume(
    run: str | Path,
    data: ImageSet | Any = None,
    *,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
) -> ClassifyResult:
    """Go on with a classifier's training where it stopped; same bits as without the stop."""
    trained = resume_training(run, data, task="classify", observers=observers, progress=progress)
    return finish(trained)


def _opened(encoder: str | Path) -> RunFolder:
    """The finished autoencoder's run at `encoder`."""
    run = RunFolder.open(encoder)
    task_of(run, "pretrain")
    require_finished(run)
    return run


def _mode(mode: Mode | None, encoder: str | Path | None, epochs: int | None) -> Mode:
    mode = mode or ("two-phase" if encoder else "scratch")
    options.require_modes([mode], epochs)
    if mode in transfer.PRETRAINED and not encoder:
        raise UsageError(
            f"Expected --encoder RUN with --mode {mode}; got none.",
            hint="Give an autoencoder's run, or use --mode scratch.",
            code="no-encoder",
        )
    return mode


def _origin(origin: RunFolder, images: ImageSet, before: RunSpec | None) -> dict[str, str]:
    assert before
    encoder = build_model(before, images).encoder
    return {
        "run": str(origin.path.resolve()),
        "weights": checkpoint.load_encoder(origin, encoder),
        "fingerprint": str(origin.environment()["data_fingerprint"]),
    }


def _context(trained: Trained) -> Context:
    split, origin = trained.split, trained.spec.origin
    context: dict[str, Any] = {}
    if origin:
        try:
            before: Split = stored_split(RunFolder.open(origin.run))
        except RunError:  # the encoder's run was removed since: its split cannot be compared
            before = Split(*(split.train[:0],) * 4)
        context = {
            "pretrain_index": _joined(before),
            "pretrain_fingerprint": origin.fingerprint,
        }
    return Context(
        images=trained.images,
        train_index=split.train,
        val_index=split.val,
        test_index=split.test,
        selected_on="validation",
        **context,
    )


def _joined(split: Split) -> Any:
    return np.concatenate([split.train, split.val])
