"""The images that every contestant trains on: MNIST where it is at hand, else random ones."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ROOT.parent / "shared" / "data"
COUNT, SIDE = 60_000, 28


def written(folder: Path) -> tuple[Path, str]:
    """uint8 `[60000, 28, 28]` as a .npy file in `folder`, and what it holds, in words.

    A file, so that every process maps the same one and none spends time on reading a format.
    """
    images, words = mnist_or_random()
    path = folder / "images.npy"
    np.save(path, images)
    return path, words


def mnist_or_random() -> tuple[npt.NDArray[np.uint8], str]:
    """MNIST's training images from a folder of `$LATENS_DATA`, from beside this checkout, or from
    what latens has downloaded before."""
    from latens.data.load import load
    from latens.data.names import folders
    from latens.errors import DataError

    *asked, cache, system = folders()
    for folder in (*asked, BESIDE, cache, system):
        with suppress(DataError):  # nothing there, or a download that is not over
            found = load(folder / "mnist")
            return np.ascontiguousarray(found.images[: found.train_count, 0]), "MNIST"
    random = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE), np.uint8)
    return random, "random images of MNIST's shape (MNIST was not at hand)"
