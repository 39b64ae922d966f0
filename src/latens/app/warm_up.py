"""torch's first steps in a process, taken before any training whose time is measured."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from latens import catalog
from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.nn.model import build
from latens.recipes import encoder
from latens.spec import PhaseSpec, ReconstructSpec, TrainSpec, parse
from latens.train.device import place
from latens.train.loop import Training, fit

IMAGES, SIDE, CODE = 16, 8, 4


def warm_up(options: Mapping[str, Any]) -> None:
    """Train a tiny network for two steps where the `options` (of a training) say.

    In the first steps torch imports modules, chooses kernels and makes threads, which takes up to
    some seconds; they would be charged to whatever is trained first.
    """
    fields = ("device", "precision", "threads")
    _warm_up(*(options.get(name) for name in fields))


@cache
def _warm_up(*machine: Any) -> None:
    names = ("device", "precision", "threads")
    given = {name: value for name, value in zip(names, machine, strict=True) if value is not None}
    spec = parse(TrainSpec, {**given, "batch_size": IMAGES})
    placement, every = place(spec), np.arange(IMAGES)
    grey = ImageSet(np.full((IMAGES, 1, SIDE, SIDE), 128, np.uint8), name="grey")
    batches = Batches(grey, every, IMAGES, placement.device)
    objective = ReconstructSpec()
    model = build(
        encoder(CODE), grey.shape, decoder=True, head=None, classes=0, seed=0, objective=objective
    )
    phase = PhaseSpec(name="warm-up", groups=("encoder", "decoder"), epochs=2)
    learned = catalog.load("objectives", objective.kind).build(objective)
    fit(Training(model, learned, [phase], spec, batches, batches, placement))
