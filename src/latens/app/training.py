"""One training from spec to finished run: what `pretrain`, `classify` and `--resume` share."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from latens import catalog, kernels, processes
from latens.app.opening import data_of, task_of
from latens.app.telling import Tell, announce, mute
from latens.data.batches import Batches
from latens.data.image_set import UNLABELLED, ImageSet
from latens.data.split import Split, draw
from latens.errors import RunError
from latens.nn.model import Model, build, count_parameters
from latens.objectives._step import Objective
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder, refuse_existing
from latens.seeds import fold
from latens.spec import CLASSIFIES, RunSpec, VaeSpec, parse
from latens.train import checkpoint
from latens.train.device import Placement, place
from latens.train.distributed import world
from latens.train.loop import Training, fit, validate
from latens.train.records import EpochRecord, Observer, StepRecord

VALIDATION_BATCH = 512
KERNELS_AFTER = 20.0  # seconds of training: who trains that long will want the native kernels
RUNS = Path("runs")


@dataclass(frozen=True)
class Trained:
    """A finished training: the run, its model in memory, and what it was trained on."""

    run: RunFolder
    spec: RunSpec
    model: Model
    images: ImageSet
    split: Split
    placement: Placement
    val: dict[str, float]
    epochs: int
    seconds: float
    images_per_second: float


@contextmanager
def start(
    spec: RunSpec,
    images: ImageSet,
    out: Path,
    *,
    observers: Sequence[Observer] = (),
    split: Split | None = None,
    tell: Tell = mute,
) -> Iterator[Trained]:
    """Make the run folder at `out` and train; nobody else may touch it until the block ends.

    Results and report are written in the block. Raises `RunError` if something is at `out`.
    """
    refuse_existing(out)
    split = split or draw_split(spec, images)
    placement = place(spec.train)
    model = build_model(spec, images)
    _objective(spec, images, split)  # what it refuses, it refuses before there is a folder
    run = RunFolder.create(
        out, spec.model_dump(mode="json"), environment(images, placement, model), _parts(split)
    )
    with run.alone():
        yield _go_on(run, spec, images, split, observers, tell)


@contextmanager
def resume(
    path: str | Path,
    data: Any = None,
    *,
    task: str,
    machine: Mapping[str, Any] | None = None,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
) -> Iterator[Trained]:
    """Go on with a run from its newest checkpoint, as `start` does; a finished run is only read.

    `data` is needed where the run was made from arrays; `machine` may have other ``threads`` and
    another ``device`` than the run began with.

    Raises `UsageError` if the run is of another `task`, `RunError` if the data is not the same as
    when the run began.
    """
    run = RunFolder.open(path)
    task_of(run, task)
    spec = parse(RunSpec, run.spec())
    spec = spec.model_copy(update={"train": spec.train.model_copy(update=dict(machine or {}))})
    images = data_of(run, spec.data, data, progress)
    source = str(Path(data).resolve()) if isinstance(data, str | Path) else ""
    if run.finished:
        tell(
            f"{run.path} is finished already: nothing is trained, and what came of it is worked "
            "out again."
        )
    with run.alone():
        yield _go_on(run, spec, images, stored_split(run), observers, tell, source)


def with_labels(images: ImageSet, index: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Those of `index` whose images have a label."""
    assert images.labels is not None
    labelled: npt.NDArray[np.int64] = index[images.labels[index] != UNLABELLED]
    return labelled


def draw_split(spec: RunSpec, images: ImageSet) -> Split:
    """The split that the spec's fractions and seeds give."""
    return draw(
        images,
        val_fraction=spec.data.val_fraction,
        test_fraction=spec.data.test_fraction,
        labels=spec.data.labels,
        seed=spec.train.seed,
        split_seed=spec.data.split_seed,
    )


def stored_split(run: RunFolder) -> Split:
    """The split as the run has it on disk."""
    parts = run.split()
    return Split(**{name: parts[name] for name in ("train", "val", "test", "labelled")})


def split_of(run: RunFolder, spec: RunSpec, images: ImageSet) -> Split:
    """The split as the run has it; where it came from elsewhere without images, the one that the
    spec draws from these."""
    return stored_split(run) if spec.data.source else draw_split(spec, images)


def build_model(spec: RunSpec, images: ImageSet) -> Model:
    """The freshly initialised model of a spec; the run's seed decides its weights."""
    return build(
        spec.encoder,
        images.shape,
        decoder="decoder" in spec.parts,
        head=spec.head if "head" in spec.parts else None,
        classes=len(images.class_names),
        seed=fold(spec.train.seed, "weights"),
        objective=spec.objective,
    )


def load_trained(run: RunFolder, images: ImageSet) -> tuple[RunSpec, Model]:
    """The spec of a run, and its model with the weights that it ended with."""
    spec = parse(RunSpec, run.spec())
    model = build_model(spec, images)
    checkpoint.load_model(run, model)
    return spec, model


def environment(images: ImageSet, placement: Placement, model: Model) -> dict[str, Any]:
    """What the run ran on: versions, device, threads, the data's fingerprint."""
    return {
        "latens": metadata.version("latens"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "placement": placement.reason,
        "precision": str(placement.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "processes": processes.count(),
        "parameters": count_parameters(model),
        "code": model.code_size,
        "data": images.name,
        "data_images": len(images),
        "data_shape": list(images.shape),
        "data_fingerprint": images.fingerprint,
        "data_notes": list(images.notes),
        "class_names": list(images.class_names),
    }


def next_run_path(images: ImageSet, task: str) -> Path:
    """The first free name such as runs/mnist-pretrain-3."""
    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", images.name).strip("-.") or "images"
    number = 1
    while (RUNS / f"{stem}-{task}-{number}").exists():
        number += 1
    return RUNS / f"{stem}-{task}-{number}"


def _go_on(
    run: RunFolder,
    spec: RunSpec,
    images: ImageSet,
    split: Split,
    observers: Sequence[Observer],
    tell: Tell,
    source: str = "",
) -> Trained:
    """Train; other processes are told what, and read `source` or else what the spec names."""
    world().shared(
        {
            "spec": spec.model_dump(mode="json"),
            "source": source,
            "fingerprint": images.fingerprint,
            "split": {name: part.tolist() for name, part in _parts(split).items()},
        }
    )
    placement = place(spec.train)
    model = build_model(spec, images)
    announce(spec, images, model, placement.reason, tell)
    if spec.origin and checkpoint.newest(run) is None:
        _take_encoder(spec, model)
        if model.decoder is not None:
            _take_decoder(spec, images, model)
    if placement.device.type == "cpu":
        observers = (*observers, _want_kernels)
    training = training_of(run, spec, images, split, model, placement, observers)
    with world().watched(f"Go on with --resume {run.path}"):
        state = fit(training)
        model.eval().requires_grad_(False)
        val = validate(training)
    records = run.metrics()
    speeds = [r["images_per_second"] for r in records if r["images_per_second"]]
    trained = Trained(
        run, spec, model, images, split, placement, val,
        epochs=sum(_last_epochs(records).values()), seconds=state.seconds,
        images_per_second=float(np.median(speeds)) if speeds else 0.0,
    )  # fmt: skip
    run.write_result("training", _summary(trained), {})
    return trained


def _want_kernels(record: StepRecord | EpochRecord) -> None:
    """In a long training let the kernels be built beside it, for the trainings to come."""
    if record.seconds > KERNELS_AFTER:
        kernels.build_in_background()


def training_of(
    run: RunFolder | None,
    spec: RunSpec,
    images: ImageSet,
    split: Split,
    model: Model,
    placement: Placement,
    observers: Sequence[Observer],
) -> Training:
    """A training as `fit` takes it; `run` is None in processes that only follow."""
    device, seed = placement.device, spec.train.seed
    shown, index, validation = _parts_to_learn(spec, images, split)
    if spec.objective.kind in CLASSIFIES:
        model.set_class_counts(_class_counts(images, split))
    size = min(spec.train.batch_size, len(index))
    return Training(
        model,
        _objective(spec, images, split),
        spec.phases,
        spec.train,
        Batches(shown, index, size, device, seed=fold(seed, "batches")),
        Batches(images, validation, VALIDATION_BATCH, device),
        placement,
        run,
        observers,
        world(),
    )


def _parts_to_learn(
    spec: RunSpec, images: ImageSet, split: Split
) -> tuple[ImageSet, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """What is trained on (images and indices) and the indices to validate by.

    What reads the class needs labelled images. Joint training takes all training images, but
    those whose labels may not be used have none in the set that it is shown.
    """
    if spec.objective.kind == "joint":
        assert images.labels is not None
        labels = np.full_like(images.labels, UNLABELLED)
        labels[split.labelled] = images.labels[split.labelled]
        return replace(images, labels=labels), split.train, split.val
    conditional = isinstance(spec.objective, VaeSpec) and spec.objective.conditional
    if spec.objective.kind in CLASSIFIES or conditional:
        return images, split.labelled, with_labels(images, split.val)
    return images, split.train, split.val


def _objective(spec: RunSpec, images: ImageSet, split: Split) -> Objective:
    """What is learned; `UsageError` for what only its files can refuse, such as a name."""
    counts = _class_counts(images, split) if spec.objective.kind in CLASSIFIES else None
    room = catalog.load("objectives", spec.objective.kind)
    objective: Objective = room.build(spec.objective, counts)
    return objective


def _class_counts(images: ImageSet, split: Split) -> Tensor:
    """How many training images of each class have a label that may be used, int64 `[K]`."""
    assert images.labels is not None
    labels = images.labels[split.labelled]
    return torch.from_numpy(np.bincount(labels, minlength=len(images.class_names)))


def _take_encoder(spec: RunSpec, model: Model) -> None:
    assert spec.origin
    source = RunFolder.open(spec.origin.run)
    if checkpoint.load_encoder(source, model.encoder) != spec.origin.weights:
        raise RunError(
            f"Expected the encoder weights {spec.origin.weights[:12]} in {source.path}; "
            "they have changed.",
            hint="Train the classifier anew from the present encoder.",
            code="other-weights",
        )


def _take_decoder(spec: RunSpec, images: ImageSet, model: Model) -> None:
    """The decoder of the encoder's run, where it is of the same build: a VAE's begins elsewhere."""
    assert spec.origin and model.decoder is not None
    before, trained = load_trained(RunFolder.open(spec.origin.run), images)
    if before.objective.kind != "vae" and trained.decoder is not None:
        model.decoder.load_state_dict(trained.decoder.state_dict())


def _last_epochs(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {r["phase"]: r["epoch"] for r in records}


def _summary(trained: Trained) -> dict[str, Any]:
    return {
        "val": trained.val,
        "epochs": trained.epochs,
        "train_seconds": trained.seconds,
        "images_per_second": trained.images_per_second,
        "placement": trained.placement.reason,
    }


def _parts(split: Split) -> dict[str, Any]:
    return {name: getattr(split, name) for name in ("train", "val", "test", "labelled")}
