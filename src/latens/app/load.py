"""A trained run, opened for use in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from latens.app.opening import require_finished, task_of
from latens.app.training import build_model
from latens.data.batches import Batch, Batches
from latens.data.image_set import ImageSet
from latens.data.load import load as load_images
from latens.errors import DataError, UsageError
from latens.nn.model import Model
from latens.runs.folder import RunFolder
from latens.spec import RunSpec, parse
from latens.train import checkpoint

BATCH = 256


@dataclass(frozen=True)
class LoadedRun:
    """A run's spec and its model (a `torch.nn.Module` with `encoder`, `decoder`, `head`)."""

    run: RunFolder
    spec: RunSpec
    model: Model
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]

    def encode(self, data: Any, stage: str | None = None) -> npt.NDArray[np.float32]:
        """Features of images, float32 `[N, ...]`; after a named `stage` of the encoder, or its end.

        `model.stages()` lists the names.

        Files and names are converted to the run's size and channels; an array must have them,
        because a wrong axis order could otherwise be read as another size.

        Raises `DataError` for an array of another shape, `UsageError` for an unknown stage.
        """
        return self._over(data, lambda batch: self.model.features(batch.images, stage))

    def reconstruct(self, data: Any) -> npt.NDArray[np.float32]:
        """Images as an autoencoder gives them back, float32 `[N, C, H, W]` in [0, 1].

        Raises `DataError` for images without labels where the run is conditional on the class,
        `UsageError` for a classifier without a decoder.
        """
        if self.model.decoder is None:
            raise UsageError(
                f"Expected a run with a decoder; {self.run.path} only names classes.",
                hint="Load an autoencoder, or a classifier of the objective joint.",
                code="no-decoder",
            )
        return self._over(data, lambda batch: self.model.reconstruct(batch.images, batch.labels))

    @torch.no_grad()
    def _over(self, data: Any, function: Callable[[Batch], Tensor]) -> npt.NDArray[np.float32]:
        channels, height, width = self.image_shape
        if isinstance(data, str | Path):
            images = load_images(data, size=(height, width), channels=channels)
        else:
            images = load_images(data)
        if images.shape != self.image_shape:
            raise DataError(
                f"Expected {channels}-channel images of {height}x{width}, as {self.run.path} "
                f"has them; got {images.shape[1]}x{images.shape[2]} with {images.shape[0]}.",
                hint="Pass [N, H, W, C] or [N, C, H, W] of that size, also for a single image.",
                code="other-shape",
            )
        batches = Batches(images, np.arange(len(images)), BATCH, torch.device("cpu"))
        return np.concatenate([function(batch).numpy() for batch in batches.in_order()])


def load(run: str | Path) -> LoadedRun:
    """Open a run with the weights that it ended with. Nothing is trained, nothing can run code.

    Raises `RunError` if there is no such run, or it is unfinished or has no readable weights;
    `UsageError` for a comparison.
    """
    folder = RunFolder.open(run)
    task_of(folder, "pretrain", "classify")
    require_finished(folder)
    spec = parse(RunSpec, folder.spec())
    about = folder.environment()
    channels, height, width = (int(n) for n in about["data_shape"])
    names = tuple(about["class_names"])
    blank = np.zeros((1, channels, height, width), np.uint8)
    model = build_model(spec, ImageSet(blank, np.zeros(1, np.int64), names))
    checkpoint.load_model(folder, model)
    return LoadedRun(folder, spec, model.eval(), (channels, height, width), names)
