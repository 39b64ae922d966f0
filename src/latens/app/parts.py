"""The trainings that comparisons and studies are made of: complete or not, right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from latens.app import classify, pretrain
from latens.app.evaluate import classifier_result
from latens.app.telling import Tell, mute
from latens.data.image_set import ImageSet
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder
from latens.spec import RunSpec, parse
from latens.train.device import place
from latens.train.records import Observer

Task = Literal["pretrain", "classify"]


def train(
    task: Task,
    path: Path,
    images: ImageSet,
    asked: Mapping[str, Any],
    *,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
) -> None:
    """Train what is not complete yet; what was stopped goes on from its last checkpoint."""
    if complete(path):
        return
    common: dict[str, Any] = {
        "observers": observers, "progress": progress, "tell": tell, "report": False,
    }  # fmt: skip
    if path.exists():
        machine = {name: asked[name] for name in ("threads", "device") if asked.get(name)}
        resume = pretrain.resume if task == "pretrain" else classify.resume
        resume(path, images, machine=machine, **common)
    else:
        begin = pretrain.pretrain if task == "pretrain" else classify.classify
        begin(images, out=path, **common, **asked)


def complete(path: Path) -> bool:
    """Whether the run at `path` is there and lacks nothing."""
    if not path.exists():
        return False
    run = RunFolder.open(path)
    return run.finished and "findings" in run.results()  # the last that a training writes


def right(run: RunFolder, images: Callable[[], ImageSet]) -> npt.NDArray[np.bool_]:
    """Whether a classifier is right on each test image, `[N]`; asks for them once, then knows."""
    if "classification" not in run.results():
        classifier_result(run, images(), place(parse(RunSpec, run.spec()).train).device)
    _, arrays = run.result("classification")
    correct: npt.NDArray[np.bool_] = arrays["probabilities"].argmax(1) == arrays["labels"]
    return correct


def train_seconds(run: RunFolder) -> float:
    """How long it was trained, without its validation reports and figures."""
    return float(run.result("training")[0]["train_seconds"])
