"""What is said before a training begins, while there is still time to stop it."""

from __future__ import annotations

import math
from collections.abc import Callable

from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.errors import plural
from latens.nn.model import Model, count_parameters
from latens.spec import RunSpec

Tell = Callable[[str], None]


def mute(line: str) -> None:
    """Say nothing."""


def notes(images: ImageSet, tell: Tell) -> None:
    """What was done to the images on the way in, such as resizing them."""
    for note in images.notes:
        tell(f"Note: {note}")


def announce(spec: RunSpec, images: ImageSet, model: Model, where: str, tell: Tell) -> None:
    """What is going to be trained and `where`, and what is wrong with it already."""
    notes(images, tell)
    channels, height, width = images.shape
    pretraining = spec.task == "pretrain"
    code = f", {plural(model.code_size, 'number')} in the code" if pretraining else ""
    tell(
        f"{images.name}: {plural(len(images), 'image')} of {height}x{width}, "
        f"{plural(channels, 'channel')}; "
        f"{plural(count_parameters(model), 'parameter')}{code}; {where}"
    )
    if pretraining:
        pixels = math.prod(images.shape)
        for finding in run_checks(Context(spec=spec, code_size=model.code_size, pixels=pixels)):
            tell(f"{finding.severity.capitalize()}: {finding.message}")
