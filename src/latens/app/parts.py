"""The trainings that comparisons and studies are made of: complete or not, right or wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from latens.app.evaluate import classifier_result
from latens.data.image_set import ImageSet
from latens.runs.folder import RunFolder
from latens.spec import RunSpec, parse
from latens.train.device import place


def finished(path: Path) -> bool:
    """Whether the run at `path` is complete; an unfinished one makes room to be trained again."""
    if not path.exists():
        return False
    run = RunFolder.open(path)
    if run.finished and "findings" in run.results():  # the last that a training writes
        return True
    shutil.rmtree(path)
    return False


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
