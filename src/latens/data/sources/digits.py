"""scikit-learn's digits: 1,797 real handwritten digits of 8x8 pixels; comes with a dependency."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from latens.data.convert import Allocate, Size, in_memory
from latens.data.image_set import ImageSet
from latens.progress import Progress, silent

DESCRIPTION = "digits: 1,797 handwritten digits of 8x8 pixels, built in"
PATH = Path("digits")  # built in: the name stands for itself


def sniff(path: Path) -> bool:
    """Whether the built-in set is meant, and not a file or folder of this name."""
    return path == PATH and not path.exists()


def read(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """uint8 ``[1797, 1, 8, 8]``: the file's 0 to 16 scaled to 0 to 255. No official test part."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    names = tuple(str(name) for name in bunch.target_names)
    return ImageSet(images, bunch.target.astype(np.int64), names, name="digits")
