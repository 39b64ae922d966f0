"""Training the arms of a study, seed by seed, and reading what came of each."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.app import parts
from latens.app.evaluate import autoencoder_result
from latens.app.opened import Opened
from latens.app.opening import read_data
from latens.app.training import load_trained, stored_split
from latens.data.image_set import ImageSet
from latens.data.split import Split
from latens.data.subset import keep
from latens.evaluation.through import passed_through
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder
from latens.spec import DataSpec, RunSpec, parse
from latens.studies._study import Arm, Scale
from latens.train.device import place
from latens.train.records import Observer

SMOKE_DATA = "digits"


@dataclass(frozen=True)
class Outcome:
    """What one training came to; `correct` is right or wrong for each test image."""

    val: float
    test: float
    seconds: float
    epochs: int
    parameters: int
    code: int
    precision: str = "float32"
    unit: str = "accuracy"
    val_error: float | None = None
    correct: npt.NDArray[np.bool_] | None = None


@dataclass
class Trainings:
    """The trainings of a study: each arm and seed a run of its own under `runs/`.

    A run's name holds a hash of what was asked, so that a changed arm is trained anew and one
    that is there is never trained twice.
    """

    folder: Path
    data: str
    scale: Scale
    seeds: Sequence[int]
    options: dict[str, Any]
    observers: Sequence[Observer] = ()
    progress: Progress = silent
    arms: dict[str, Arm] = field(default_factory=dict)
    _images: dict[str, ImageSet] = field(default_factory=dict)

    def train(self, arm: Arm, seed: int) -> Outcome:
        """Train and test what is not there yet; the outcome."""
        path = self.path(arm, seed)
        if not parts.complete(path):
            self._train(arm, seed, path)
        return self._outcome(arm, RunFolder.open(path), seed)

    def opened(self, arm: str, seed: int) -> Opened:
        """The finished training of an arm, with its model on its device."""
        found = self.arms[arm]
        run = RunFolder.open(self.path(found, seed))
        images = self.images(found, seed)
        spec, model = load_trained(run, images)
        device = place(spec.train).device
        return Opened(run, spec, model.to(device), images, stored_split(run), device)

    def images(self, arm: Arm, seed: int) -> ImageSet:
        """What an arm is trained on: read once, or given back by another arm's autoencoder."""
        name = SMOKE_DATA if self.scale == "smoke" else arm.data or self.data
        spec = parse(DataSpec, {"source": name, **_conversion(arm)})
        key = spec.model_dump_json()
        if key not in self._images:
            self._images[key] = self._read(spec)
        if arm.test_too:
            return replace(self._images[key], test_start=None)
        if arm.through is None:
            return self._images[key]
        key = json.dumps([key, self.path(self.arms[arm.through], seed).name])
        if key not in self._images:
            self._images[key] = self._given_back(arm, seed)
        return self._images[key]

    def _read(self, spec: DataSpec) -> ImageSet:
        """All of a set is decoded once, however few images an arm keeps of it."""
        if not spec.keep:
            return read_data(spec.source, spec, self.progress)
        every = spec.model_copy(update={"keep": None})
        key = every.model_dump_json()
        if key not in self._images:
            self._images[key] = self._read(every)
        return keep(self._images[key], spec.keep)

    def _given_back(self, arm: Arm, seed: int) -> ImageSet:
        """An arm's images, corrupted as its denoiser was trained for, and given back by it."""
        plain = self.images(replace(arm, through=None), seed)
        denoiser = self.opened(str(arm.through), seed)
        corruptions = getattr(denoiser.spec.objective, "corruptions", ())
        return passed_through(denoiser.model, plain, corruptions, seed=seed, progress=self.progress)

    def _train(self, arm: Arm, seed: int, path: Path) -> None:
        images = self.images(arm, seed)
        asked: dict[str, Any] = {**self.options, **arm.options, "seed": seed}
        for converted in ("size", "channels", "keep"):
            asked.pop(converted, None)
        if arm.task == "classify":
            asked |= {"encoder": self._encoder(arm, seed), "split": self._split(arm, seed)}
        parts.train(arm.task, path, images, asked, observers=self.observers, progress=self.progress)

    def _split(self, arm: Arm, seed: int) -> Split | None:
        """What a denoiser gives back is divided as its own images were: none may change sides."""
        if arm.through is None:
            return None
        return stored_split(RunFolder.open(self.path(self.arms[arm.through], seed)))

    def _encoder(self, arm: Arm, seed: int) -> Path | None:
        return self.path(self.arms[arm.encoder], seed) if arm.encoder else None

    def _outcome(self, arm: Arm, run: RunFolder, seed: int) -> Outcome:
        training, _ = run.result("training")
        common: dict[str, Any] = {
            "seconds": parts.train_seconds(run),
            "epochs": int(training["epochs"]),
            "parameters": int(run.environment()["parameters"]),
            "precision": run.environment().get("precision", "float32"),
        }
        if arm.task == "pretrain":
            return self._error(arm, run, seed, common)
        correct = parts.right(run, lambda: self.images(arm, seed))
        return Outcome(
            val=training["val"]["accuracy"], test=float(correct.mean()), correct=correct, code=0,
            **common,
        )  # fmt: skip

    def _error(self, arm: Arm, run: RunFolder, seed: int, common: dict[str, Any]) -> Outcome:
        if "reconstruction-test" not in run.results():
            images = self.images(arm, seed)
            autoencoder_result(run, images, place(parse(RunSpec, run.spec()).train).device)
        validation, _ = run.result("reconstruction")
        test, _ = run.result("reconstruction-test")
        name = next(n for n in ("neg_elbo", "noisy_mse", "mse") if n in validation)
        return Outcome(
            val=-validation[name], test=test[name], val_error=validation[name],
            code=validation["code"], unit="nats" if name == "neg_elbo" else "mse", **common,
        )  # fmt: skip

    def needs(self, arm: Arm, seed: int) -> list[Path]:
        """The run folders that this training reads."""
        return [self.path(self.arms[name], seed) for name in (arm.encoder, arm.through) if name]

    def path(self, arm: Arm, seed: int) -> Path:
        """The run folder of an arm and a seed."""
        slug = re.sub(r"[^a-z0-9.]+", "-", arm.name.lower()).strip("-")
        return self.folder / "runs" / f"{slug}-{self._hash(arm)[:8]}-seed{seed}"

    def _hash(self, arm: Arm) -> str:
        """Of everything that decides what an arm is trained to do."""
        before = [self._hash(self.arms[n]) for n in (arm.encoder, arm.through) if n]
        asked = [arm.task, dict(arm.options), arm.data, self.data, self.scale, before]
        return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _conversion(arm: Arm) -> dict[str, Any]:
    names = ("size", "channels", "keep")
    return {name: arm.options[name] for name in names if name in arm.options}
