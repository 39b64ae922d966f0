"""Small real trainings that every test of the core shares: digits, narrow networks, one thread."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from latens import catalog
from latens.data.batches import Batch, Batches
from latens.data.image_set import ImageSet
from latens.nn.model import Model, build
from latens.objectives._step import Objective
from latens.runs.folder import RunFolder
from latens.spec import (
    ConvSpec,
    HeadSpec,
    ObjectiveSpec,
    PhaseSpec,
    RunSpec,
    Spec,
    TrainSpec,
    parse,
)
from latens.train.device import Placement
from latens.train.loop import Training
from latens.train.records import EpochRecord, StepRecord

CPU = torch.device("cpu")
PLACEMENT = Placement(CPU, torch.float32, "tests")
# 16 filters, so that Muon has matrices wide enough for itself as well as some left for Adam.
NETWORK = ConvSpec(encoder_filters=(16, 16), decoder_filters=(16, 16), dropout=0.1, latent=16)
HEAD = HeadSpec(hidden=(16,), dropout=0.2)


@cache
def digits(count: int = 64) -> ImageSet:
    """The first `count` of scikit-learn's real 8x8 digits, with labels."""
    bunch = load_digits()
    pixels = np.round(bunch.images[:count, None] * (255 / 16)).astype(np.uint8)
    labels = bunch.target[:count].astype(np.int64)
    return ImageSet(pixels, labels, tuple("0123456789"), name="digits")


def index(first: int, last: int) -> npt.NDArray[np.int64]:
    """The numbers from `first` up to `last`, without it."""
    return np.arange(first, last, dtype=np.int64)


def objective(kind: str) -> Objective:
    """The objective of this name, with the defaults of its spec."""
    built: Objective = catalog.load("objectives", kind).build(objective_spec(kind))
    return built


def objective_spec(kind: str) -> Any:
    """The defaults of an objective's spec."""
    return parse(_Holder, {"spec": {"kind": kind}}).spec


class _Holder(Spec):
    spec: ObjectiveSpec


def whole_model(seed: int = 0, network: Any = NETWORK, kind: str = "reconstruct") -> Model:
    """An encoder with both a decoder and a head, as the objective of this name has them."""
    return build(
        network, (1, 8, 8), decoder=True, head=HEAD, classes=10, seed=seed,
        objective=objective_spec(kind),
    )  # fmt: skip


def groups_in_use(kind: str) -> tuple[str, ...]:
    """The parameter groups that the gradients of this objective reach."""
    model = whole_model(kind=kind)
    objective(kind).step(model, some_batch()).loss.backward()
    reached = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    return tuple(sorted(reached))


def some_batch(count: int = 16) -> Batch:
    """One batch of digits."""
    return next(Batches(digits(), index(0, count), count, CPU).in_order())


def phase(groups: tuple[str, ...], **changes: Any) -> PhaseSpec:
    """A short phase that moves `groups`."""
    values = {"name": "all", "groups": groups, "epochs": 2, "schedule": "one-cycle"}
    return parse(PhaseSpec, values | changes)


def two_phases(kind: str, **changes: Any) -> tuple[PhaseSpec, ...]:
    """The encoder frozen first, then everything: the reports' way."""
    groups = groups_in_use(kind)
    rest = tuple(group for group in groups if group != "encoder")
    return phase(rest, **({"name": "head"} | changes)), phase(groups, **changes)


def training(
    kind: str,
    phases: tuple[PhaseSpec, ...],
    run: RunFolder | None = None,
    *,
    model: Model | None = None,
    observers: Any = (),
    images: tuple[int, int] = (0, 34),
    validation: tuple[int, int] = (34, 50),
    **spec: Any,
) -> Training:
    """A training of a tiny network on a few digits, as `fit` takes it."""
    values = parse(TrainSpec, {"batch_size": 16, "seed": 3} | spec)
    return Training(
        model or whole_model(kind=kind),
        objective(kind),
        phases,
        values,
        Batches(digits(), index(*images), values.batch_size, CPU, seed=values.seed),
        Batches(digits(), index(*validation), 16, CPU),
        PLACEMENT,
        run,
        observers,
    )


def new_run(path: Path) -> RunFolder:
    """A run folder with as little in it as a run may have."""
    return RunFolder.create(path, {"version": 1, "task": "pretrain"}, {}, {"train": index(0, 34)})


def weights(model: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of everything that the model holds, statistics too."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether both hold the same names and, bit for bit, the same values."""
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


class Killed(Exception):
    """What a test throws into a training where a real one would be killed."""


class KillAt:
    """An observer that dies when it is told its record number `place`, counted from 0."""

    def __init__(self, place: int) -> None:
        self.left = place

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1


RUN_SPEC: dict[str, Any] = {
    "task": "pretrain",
    "data": {"source": "digits"},
    "phases": [{"name": "all", "groups": ["encoder", "decoder"], "epochs": 1}],
}


def run_spec(**changes: Any) -> RunSpec:
    """A small valid spec of a run."""
    return parse(RunSpec, RUN_SPEC | changes)
