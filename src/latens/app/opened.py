"""A finished run, opened with everything that is needed to look at it more closely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from latens.app.load import load
from latens.app.opening import data_of
from latens.app.training import split_of
from latens.data.image_set import ImageSet
from latens.data.split import Split
from latens.nn.model import Model
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder
from latens.spec import RunSpec
from latens.train.device import place


@dataclass(frozen=True)
class Opened:
    """A finished training, in memory."""

    run: RunFolder
    spec: RunSpec
    model: Model
    images: ImageSet
    split: Split
    device: torch.device


def opened(
    run: str | Path, data: Any = None, *, device: str = "auto", progress: Progress = silent
) -> Opened:
    """Open a finished run with its images; `data` is needed where it was made from arrays.

    Raises what `latens.load` raises, `UsageError` if `data` is missing, and `RunError` if it has
    changed.
    """
    found = load(run)
    images = data_of(found.run, found.spec.data, data, progress)
    where = place(found.spec.train.model_copy(update={"device": device})).device
    return Opened(
        found.run, found.spec, found.model.to(where), images,
        split_of(found.run, found.spec, images), where,
    )  # fmt: skip
