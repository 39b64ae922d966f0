"""latens' whole training loop: batches, seeds, records, checks, validation (on two images)."""

from __future__ import annotations

import importlib
from typing import Literal

import numpy as np

from contestants import Job
from networks import latens_spec

HELD_OUT = 2  # images for the validation that ends every epoch


class Engine:
    """`latens.train.loop.fit`, as `latens.pretrain` calls it; each `train` is one epoch."""

    def __init__(self, job: Job) -> None:
        from latens.data.image_set import ImageSet
        from latens.nn.model import build, count_parameters
        from latens.spec import TrainSpec
        from latens.train.device import place

        importlib.import_module("latens.train.loop")  # belongs to the start, not to the first step
        self.spec = TrainSpec(
            batch_size=job.batch, keep="last", device=job.device, precision=_precision(job),
            threads=job.threads,
        )  # fmt: skip
        self.placement = place(self.spec)
        self.images = ImageSet(job.images[:, None])
        self.model = build(latens_spec(job.network), self.images.shape, decoder=True)
        self.parameters = count_parameters(self.model)

    def train(self, steps: int) -> None:
        from latens import catalog
        from latens.data.batches import Batches
        from latens.spec import PhaseSpec, ReconstructSpec
        from latens.train.loop import Training, fit

        every, size = np.arange(len(self.images)), self.spec.batch_size
        phase = PhaseSpec(name="autoencoder", groups=("encoder", "decoder"), epochs=1)
        objective = catalog.load("objectives", "reconstruct").build(ReconstructSpec())
        fit(Training(
            self.model, objective, (phase,), self.spec,
            Batches(self.images, every[: steps * size], size, self.placement.device),
            Batches(self.images, every[:HELD_OUT], HELD_OUT, self.placement.device),
            self.placement,
        ))  # fmt: skip


def _precision(job: Job) -> Literal["auto", "float32", "bfloat16"]:
    """As latens chooses on a GPU; on a CPU the same numbers as everyone else, or as asked for."""
    if job.variant == "bfloat16":
        return "bfloat16"
    return "float32" if job.device == "cpu" else "auto"


build = Engine
