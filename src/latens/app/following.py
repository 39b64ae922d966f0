"""The part of a training that falls to every process but the leader: learn, count, write nothing.

The leader reads options and run folder, and then tells the others what to train. They read the
images for themselves, after it has: what must be downloaded or decoded once is there by then.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from latens import processes
from latens.app.opening import read_data
from latens.app.options import ARRAY
from latens.app.training import build_model, training_of
from latens.data.image_set import ImageSet
from latens.data.split import Split
from latens.errors import DataError
from latens.spec import DataSpec, RunSpec, parse
from latens.train.device import place
from latens.train.distributed import world
from latens.train.loop import fit, validate

_TOLD_BY_ALL = ("interrupted", "not-finite", "process-lost")  # so the leader's word is enough


def follow(data: Any = None) -> dict[str, Any]:
    """Train what the leader trains; what came of it, as its result's `to_dict` gives it.

    `data` is needed where it is arrays of the program. An error that the leader cannot know of
    has a note that names this process.
    """
    try:
        return _follow(data)
    except Exception as error:
        if getattr(error, "code", "") not in _TOLD_BY_ALL:
            error.add_note(f"in process {processes.rank()}")
        raise


def _follow(data: Any) -> dict[str, Any]:
    group = world()
    with group.watched():
        told = group.shared()
        spec = parse(RunSpec, told["spec"])
        images = _images(spec.data, data, told)
        split = Split(**{n: np.array(part, np.int64) for n, part in told["split"].items()})
        model = build_model(spec, images)
        training = training_of(None, spec, images, split, model, place(spec.train), ())
        fit(training)
        model.eval().requires_grad_(False)
        validate(training)
        result: dict[str, Any] = group.shared()
    return result


def _images(spec: DataSpec, data: Any, told: dict[str, Any]) -> ImageSet:
    """The leader's images; `DataError` if this machine has others under that name."""
    source = told["source"] or spec.source
    images = read_data(data if source == ARRAY else source, spec)
    if images.fingerprint != told["fingerprint"]:
        raise DataError(
            f"Expected the same images in every process (fingerprint {told['fingerprint'][:12]}); "
            f"{images.name} has fingerprint {images.fingerprint[:12]} here.",
            hint="Put the same files in the same place on every machine.",
            code="other-data",
        )
    return images
