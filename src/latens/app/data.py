"""Look at data before training on it, and measure what training would cost on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from latens import catalog, recipes
from latens.data.batches import Batches
from latens.data.check import DataReport
from latens.data.check import check as check_images
from latens.data.image_set import ImageSet
from latens.data.load import load
from latens.nn.model import build
from latens.progress import Progress, silent
from latens.spec import ReconstructSpec, TrainSpec
from latens.train.device import place

STEPS = 3
BATCH = 128


@dataclass(frozen=True)
class CheckedData:
    """What the images are like, and seconds an epoch of the default autoencoder would take."""

    report: DataReport
    epoch_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return {**self.report.to_dict(), "epoch_seconds": self.epoch_seconds}


def check(data: Any, *, progress: Progress = silent, **conversion: Any) -> CheckedData:
    """Check images (see `latens.data.check`) and time a few steps of training on them."""
    images = load(data, **conversion, progress=progress)
    report = check_images(images, progress=progress)
    return CheckedData(report, _epoch_seconds(images))


def _epoch_seconds(images: ImageSet) -> float:
    """The median of a few steps, times the steps of an epoch."""
    device = place(TrainSpec()).device
    model = build(recipes.encoder(recipes.latent(images.shape)), images.shape, decoder=True)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = catalog.load("objectives", "reconstruct").build(ReconstructSpec())
    size = min(BATCH, len(images))
    index = np.resize(np.arange(size), size * (STEPS + 1))
    times = []
    for batch in Batches(images, index, size, device).in_order():
        begun = time.perf_counter()
        objective.step(model, batch).loss.backward()
        times.append(time.perf_counter() - begun)
    return float(np.median(times[1:])) * images.train_count / size
