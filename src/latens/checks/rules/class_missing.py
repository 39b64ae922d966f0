"""A class without training images cannot be learned; one without test images is not measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from latens.checks.context import Context
from latens.data.finding import Finding
from latens.data.image_set import ImageSet


def check(context: Context) -> Finding | None:
    """Needs labelled `images`, and `labelled_index`, `train_index` or `test_index`.

    With few labels a class may have training images and still no label to be learned from.
    """
    if context.images is None or context.images.labels is None:
        return None
    learned = context.train_index if context.labelled_index is None else context.labelled_index
    parts = {"labelled training": learned, "test": context.test_index}
    missing = {
        name: _missing(context.images, index)
        for name, index in parts.items()
        if index is not None and len(index)  # a part that was left empty on purpose is none
    }
    told = [f"no {part} image of {_listed(names)}" for part, names in missing.items() if names]
    if not told:
        return None
    return Finding(
        "class-missing",
        "warning",
        f"There is {' and '.join(told)}: a class is learned only from training images and "
        "measured only on test images. Draw the split again with more images.",
    )


def _missing(images: ImageSet, index: npt.NDArray[np.integer[Any]]) -> list[str]:
    assert images.labels is not None
    present = set(images.labels[index].tolist())
    return [name for number, name in enumerate(images.class_names) if number not in present]


def _listed(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
