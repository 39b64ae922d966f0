"""Small real trainings through the use cases: 300 digits, the last 80 the official test part."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from torch import Tensor

from latens.data.image_set import ImageSet
from latens.runs.folder import RunFolder
from latens.train import checkpoint

TEST = 80
NETWORK: dict[str, Any] = {
    "encoder.encoder_filters": [4, 8],
    "encoder.decoder_filters": [8, 4],
    "encoder.kernel_size": 3,
    "encoder.down_after": [1, 2],
}
PRETRAIN: dict[str, Any] = {
    "overrides": NETWORK, "latent": 8, "epochs": 4, "batch_size": 64, "threads": 1,
}  # fmt: skip
CLASSIFY: dict[str, Any] = {
    "epochs": 3, "batch_size": 32, "augment": False, "hidden": (8,), "threads": 1,
}  # fmt: skip
TIMES = ("seconds", "images_per_second")


@cache
def digits() -> ImageSet:
    """Real digits with an official test part."""
    bunch = load_digits()
    pixels = np.round(bunch.images[:300, None] * (255 / 16)).astype(np.uint8)
    labels = bunch.target[:300].astype(np.int64)
    names = tuple("0123456789")
    return ImageSet(pixels, labels, names, name="digits", test_start=300 - TEST)


@cache
def poisoned() -> ImageSet:
    """The same training images; in the test part other pixels and other labels."""
    clean = digits()
    assert clean.labels is not None and clean.test_start is not None
    images, labels = clean.images.copy(), clean.labels.copy()
    images[clean.test_start :] = 255 - images[clean.test_start :]
    labels[clean.test_start :] = 9 - labels[clean.test_start :]
    return replace(clean, images=images, labels=labels)


def weights(run: str | Path, part: str = "") -> dict[str, Tensor]:
    """Every tensor of a run's last checkpoint whose name begins with `part`."""
    tensors, _ = checkpoint._read(RunFolder.open(run))
    return {name: tensor for name, tensor in tensors.items() if name.startswith(part)}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether both hold the same names and, bit for bit, the same values."""
    assert first, "nothing to compare"
    return first.keys() == second.keys() and all(first[n].equal(second[n]) for n in first)


def records(run: str | Path) -> list[dict[str, Any]]:
    """The metrics of a run without its times."""
    return [
        {key: value for key, value in record.items() if key not in TIMES}
        for record in RunFolder.open(run).metrics()
    ]


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder: when it was written, and what it holds."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
