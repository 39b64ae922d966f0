"""Train a classifier, from a pretrained encoder or from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from latens import choices, processes, recipes, transfer
from latens.app import network, options, settings
from latens.app.following import follow
from latens.app.opening import data_of, read_data, require_finished, task_of
from latens.app.settings import ClassifyOptions
from latens.app.telling import Tell, mute
from latens.app.training import Trained, build_model, next_run_path, start, stored_split
from latens.app.training import resume as resume_training
from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.data.split import Split, require_classes
from latens.errors import LatensError, RunError, UsageError
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.runs.folder import RunFolder
from latens.spec import DataSpec, Mode, Origin, PhaseSpec, RunSpec, parse
from latens.train import checkpoint
from latens.train.distributed import world
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


@options.described(ClassifyOptions)
def classify(
    data: Any,
    *,
    encoder: str | Path | None = None,
    mode: Mode | None = None,
    labels: int | None = None,
    out: str | Path | None = None,
    split: Split | None = None,
    report: bool = True,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
    **asked: Unpack[ClassifyOptions],
) -> ClassifyResult:
    """Train a classifier and keep everything in a run folder. The test part is not read.

    Args:
        data: as for `pretrain`, with labels.
        encoder: a pretraining run whose encoder is reused. Its network, and its images' size and
            channels, are taken over. Without one, latens' own network is trained from scratch.
        mode: ``"frozen"``, ``"two-phase"`` (the default with an encoder), ``"fine-tune"``, or
            ``"scratch"`` (with an encoder: its architecture with random weights, the control).
        labels: use so many labelled training images, stratified; None for all.
        out: the run folder to make; by default the next free one under ``runs/``.
        split: which images to train on, to validate and to test; by default drawn from the seed.
        report: draw figures and a page at the end; `page` is empty without.
        observers, progress: called while it trains and counts.
        tell: called with a line at a time before training begins, such as ``print``.
        asked: see the options below, and `pretrain` for the forms of some. `augment` is random
            rotation, scale, shear and shift where nothing is said; False or ``"none"`` for none.

    Raises:
        UsageError, DataError, RunError, TrainingError: as `pretrain`.
    """
    if not processes.leads():
        return ClassifyResult(**follow(data))
    spec, images = planned(
        data, encoder=encoder, mode=mode, labels=labels, progress=progress, **asked
    )
    folder = Path(out) if out else next_run_path(images, "classify")
    with start(spec, images, folder, observers=observers, split=split, tell=tell) as trained:
        return finish(trained, report, progress)


def planned(
    data: Any,
    *,
    encoder: str | Path | None = None,
    mode: Mode | None = None,
    labels: int | None = None,
    progress: Progress = silent,
    **asked: Unpack[ClassifyOptions],
) -> tuple[RunSpec, ImageSet]:
    """What `classify` would train, and on which images; nothing is made on disk."""
    given = options.given(asked, ClassifyOptions)
    before = _before(encoder, given) if encoder else None
    mode = _mode(mode, encoder, given)
    converted = before.shape if before else {}
    asked_data = options.data_spec(data, {**converted, **given}, labels=labels)
    images = read_data(data, asked_data, progress)
    require_classes(images)
    return _spec(given, mode, images, asked_data, before), images


def _spec(
    given: options.Options, mode: Mode, images: ImageSet, data: DataSpec, before: _Before | None
) -> RunSpec:
    recipe = recipes.classifier(images.name, images.shape, reused=before is not None)
    epochs = _epochs(given, images, data, recipe)
    if before:
        encoder: Any = before.spec.encoder
    else:
        encoder = network.encoder(given, images.shape, recipe.encoder)
    augment = options.effects(given.get("augment", True), "augmentation", recipe.augment)
    values = {
        "task": "classify",
        "data": data.model_dump(),
        "encoder": encoder,
        "objective": _objective(given, recipe),
        "head": {**recipe.head.model_dump(), "views": _views(augment)},
        "phases": _phases(given, mode, recipe, epochs),
        "train": {
            # Few labels are no reason to peek at many: without a budget the best epoch on
            # validation is kept, with one simply the last.
            "keep": "last" if data.labels else "best",
            "augment": augment,
            "validate_every": max(1, epochs // recipes.VALIDATIONS),
        },
        "mode": mode,
        "origin": before.origin(images) if before and mode != "scratch" else None,
    }
    return options.run_spec(values, given, ClassifyOptions)


def _views(augment: Sequence[Mapping[str, Any]]) -> choices.Views:
    """A network that learned from mirrored images is asked about them, too."""
    return "mirror" if any(effect["name"] == "flip" for effect in augment) else "none"


def _epochs(
    given: options.Options, images: ImageSet, data: DataSpec, recipe: recipes.Classifier
) -> int:
    if (asked := given.get("epochs")) is not None:
        return asked  # type: ignore[no-any-return]  # looked at where phases are made
    assert images.labels is not None
    labelled = int((images.labels[: images.train_count] >= 0).sum())
    count = data.labels or int(labelled * (1 - data.val_fraction))
    size = max(1, min(given.get("batch_size", recipes.BATCH), count))
    return recipes.epochs(count, size, recipe.epochs, recipes.CLASSIFY_STEPS)


def _phases(
    given: options.Options, mode: Mode, recipe: recipes.Classifier, epochs: int
) -> tuple[PhaseSpec, ...]:
    optimizer = given.get("optimizer", recipe.optimizer)
    rates = {**recipes.RATES, recipe.optimizer: recipe.learning_rate}
    decays = {**recipes.WEIGHT_DECAY, recipe.optimizer: recipe.weight_decay}
    return transfer.phases(
        mode, epochs=epochs, joint=given.get("objective") == "joint",
        optimizer=optimizer, schedule=recipe.schedule,
        learning_rate=options.learning_rate(given, optimizer, rates),
        weight_decay=decays[optimizer],
    )  # fmt: skip


def _objective(given: options.Options, recipe: recipes.Classifier) -> dict[str, Any]:
    kind, smoothing = given.get("objective", "classify"), recipe.label_smoothing
    values: dict[str, Any] = {"kind": kind, "label_smoothing": smoothing}
    if "noise" in given:
        values["corruptions"] = options.effects(given["noise"], "corruption")
    return values


def finish(trained: Trained, report: bool = True, progress: Progress = silent) -> ClassifyResult:
    """Note findings and draw the report of a trained classifier."""
    run = trained.run
    told = [finding.to_dict() for finding in run_checks(_context(trained, progress))]
    run.write_result("findings", {"findings": told}, {})
    result = ClassifyResult(
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
) -> ClassifyResult:
    """Go on with a classifier's training where it stopped; same bits as without the stop."""
    if not processes.leads():
        return ClassifyResult(**follow(data))
    with resume_training(
        run, data, task="classify", machine=machine, observers=observers, progress=progress,
        tell=tell,
    ) as trained:  # fmt: skip
        return finish(trained, report, progress)


def _mode(mode: Mode | None, encoder: str | Path | None, given: options.Options) -> Mode:
    """The mode, after a look at whether all that was asked goes together."""
    mode = mode or ("two-phase" if encoder else "scratch")
    transfer.require([mode], given.get("epochs"), joint=given.get("objective") == "joint")
    if mode in transfer.PRETRAINED and not encoder:
        raise UsageError(
            f"Expected --encoder RUN with --mode {mode}; got none.",
            hint="Give an autoencoder's run, or use --mode scratch.",
            code="no-encoder",
        )
    if "head_filters" in given and given.get("head", "dense") == "dense":
        raise UsageError(
            "Expected options of the head dense; got --head-filters.",
            hint="Leave it out, or use --head conv1d or conv2d.",
            code="without-effect",
        )
    return mode


@dataclass(frozen=True)
class _Before:
    """The finished autoencoder whose encoder is reused."""

    run: RunFolder
    spec: RunSpec

    @property
    def shape(self) -> options.Options:
        """Size and channels of its images, which those of the classifier take over."""
        channels, height, width = self.run.environment()["data_shape"]
        return {"size": (height, width), "channels": channels}

    def origin(self, images: ImageSet) -> dict[str, str]:
        encoder = build_model(self.spec, images).encoder
        return {
            "run": str(self.run.path.resolve()),
            "weights": checkpoint.load_encoder(self.run, encoder),
            "fingerprint": str(self.run.environment()["data_fingerprint"]),
        }


def _before(encoder: str | Path, given: options.Options) -> _Before:
    """Raises `UsageError` if `encoder` is no autoencoder, or a network is asked for beside it."""
    run = RunFolder.open(encoder)
    task_of(run, "pretrain")
    require_finished(run)
    known = settings.table(settings.NetworkOptions)
    beside = [settings.flag(n, setting) for n, (_, setting) in known.items() if n in given]
    beside += [f"that of {given['recipe']}"] if "encoder" in given.get("base", {}) else []
    if beside:
        raise UsageError(
            f"Expected no network beside the encoder of {run.path}; got {', '.join(beside)}.",
            hint="Leave it out: the network is taken over, also by --mode scratch.",
            code="without-effect",
        )
    return _Before(run, parse(RunSpec, run.spec()))


def _context(trained: Trained, progress: Progress) -> Context:
    split, origin = trained.split, trained.spec.origin
    return Context(
        images=trained.images,
        train_index=split.train,
        val_index=split.val,
        test_index=split.test,
        labelled_index=split.labelled,
        spec=trained.spec,
        selected_on="validation",
        val_accuracy=trained.val["accuracy"],
        **(_pretraining(origin, trained.images, progress) if origin else {}),
    )


def _pretraining(origin: Origin, images: ImageSet, progress: Progress) -> dict[str, Any]:
    """What the encoder saw; its images are read again only if they are others than `images`."""
    known: dict[str, Any] = {"pretrain_fingerprint": origin.fingerprint}
    try:
        run = RunFolder.open(origin.run)
        before, spec = stored_split(run), parse(RunSpec, run.spec())
    except (RunError, UsageError):  # it was removed since: its split cannot be compared
        return known
    known["pretrain_spec"] = spec
    if spec.imported is not None:  # its split is of images that it may never have been trained on
        return known
    known["pretrain_index"] = np.concatenate([before.train, before.val])
    if origin.fingerprint != images.fingerprint:
        with suppress(LatensError):  # made from arrays, or moved since: a finding will say so
            known["pretrain_images"] = data_of(run, spec.data, None, progress)
    return known
