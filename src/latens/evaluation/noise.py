"""Accuracy against noise: what each way of classifying keeps as images are corrupted more.

Shapes: W ways, L levels, N images; images float [B, C, H, W] in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import binomtest
from torch import Tensor

from latens import catalog
from latens.data.batches import Batches
from latens.data.image_set import UNLABELLED, ImageSet
from latens.errors import DataError, UsageError, unknown_name
from latens.nn.model import Model
from latens.progress import Progress, silent
from latens.seeds import fold

LEVELS = tuple(round(0.1 * tenth, 1) for tenth in range(11))
BATCH = 500  # also decides which images share a draw: another size gives other noise
Clean: TypeAlias = Callable[[Tensor], Tensor]
Result: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


@dataclass(frozen=True)
class Way:
    """A way to name noisy images: a classifier, perhaps behind a denoiser.

    `denoiser` is an autoencoder, or any function from images to images of the same shape.
    """

    name: str
    classifier: Model
    denoiser: Model | Clean | None = None


@torch.no_grad()
def noise(
    ways: Sequence[Way],
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    *,
    corruption: str = "salt_pepper",
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
    part: str = "test",
    progress: Progress = silent,
) -> Result:
    """The result "noise": the accuracy of every way at every level, with 95% Wilson intervals.

    Every way sees the same noise, and so does every call with this `seed` on this kind of device.
    `index` int64 [N] are labelled images of the part named `part`. The array `correct`, bool
    [W, L, N], says which images each way got right, for paired tests. Raises `DataError`
    (``no-images``, ``unlabelled``) and `UsageError` (``no-ways``, ``bad-level``,
    ``unknown-corruption``).
    """
    check(corruption, levels)
    _check_ways(ways)
    _check_labels(images, index)
    correct_WLN = np.zeros((len(ways), len(levels), len(index)), bool)
    start = 0
    for place, batch in enumerate(Batches(images, index, BATCH, device).in_order()):
        assert batch.labels is not None
        at = slice(start, start := start + len(batch))
        for row, level in enumerate(levels):
            noisy = corrupted(batch.images, corruption, level, seed, place)
            said = torch.stack(_predictions(ways, noisy))
            correct_WLN[:, row, at] = (said == batch.labels).cpu().numpy()
        progress("classifying noisy images", start, len(index))
    values = {
        "part": part,
        "images": len(index),
        "corruption": corruption,
        "seed": seed,
        "levels": [float(level) for level in levels],
        "classes": len(images.class_names),
        "ways": [
            _curve(way.name, right_LN) for way, right_LN in zip(ways, correct_WLN, strict=True)
        ],
    }
    return values, {"correct": correct_WLN, "index": np.asarray(index, np.int64)}


def corrupted(x_BCHW: Tensor, corruption: str, level: float, seed: int, place: int) -> Tensor:
    """The batch number `place` with noise of this level.

    All levels draw from the same random numbers, so that a curve over levels is as smooth as the
    images allow and its points differ by the level alone.
    """
    generator = torch.Generator(x_BCHW.device).manual_seed(fold(seed, "noise", place))
    noisy: Tensor = catalog.load("corrupt", corruption).apply(x_BCHW, level, generator)
    return noisy


def cleaner(denoiser: Model | Clean) -> Clean:
    """The denoiser as a function of images; a model is put into its evaluation mode."""
    if isinstance(denoiser, Model):
        return denoiser.eval().reconstruct
    return denoiser


def check(corruption: str, levels: Sequence[float]) -> None:
    """Raise `UsageError` unless there is such a corruption and the levels are from 0 to 1."""
    known = [name for name in catalog.names("corrupt") if _is_corruption(name)]
    if corruption.replace("_", "-") not in known:
        raise unknown_name("corruption", corruption, known)
    if not levels or not all(0 <= level <= 1 for level in levels):
        raise UsageError(
            f"Expected noise levels from 0 to 1; got {', '.join(map(str, levels)) or 'none'}.",
            hint="For example 0, 0.2, 0.4.",
            code="bad-level",
        )


def _is_corruption(name: str) -> bool:
    return bool(catalog.load("corrupt", name).KIND == "corruption")


def _check_ways(ways: Sequence[Way]) -> None:
    names = [way.name for way in ways]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            f"Expected at least one way to classify, each with a name of its own; got {names}.",
            hint="Give every Way another name.",
            code="no-ways",
        )


def _check_labels(images: ImageSet, index: npt.NDArray[np.int64]) -> None:
    if not len(index):
        raise DataError(
            "Expected at least one image to classify; got none.",
            hint="Choose a part of the data that has images.",
            code="no-images",
        )
    if images.labels is None or (images.labels[index] == UNLABELLED).any():
        raise DataError(
            f"Expected a label for each image to classify; {images.name} lacks some.",
            hint="Leave unlabelled images out.",
            code="unlabelled",
        )


def _predictions(ways: Sequence[Way], noisy: Tensor) -> list[Tensor]:
    """Class numbers int64 [B] by each way; ways that share a denoiser share its work."""
    cleaned: dict[int, Tensor] = {id(None): noisy}
    said = []
    for way in ways:
        key = id(way.denoiser)
        if way.denoiser is not None and key not in cleaned:
            cleaned[key] = cleaner(way.denoiser)(noisy)
        said.append(way.classifier.eval().class_logits(cleaned[key]).argmax(1))
    return said


def _curve(name: str, right_LN: npt.NDArray[np.bool_]) -> dict[str, Any]:
    counts, total = right_LN.sum(axis=1), right_LN.shape[1]
    spans = [binomtest(int(count), total).proportion_ci(method="wilson") for count in counts]
    return {
        "name": name,
        "accuracies": (counts / total).tolist(),
        "low": [float(span.low) for span in spans],
        "high": [float(span.high) for span in spans],
    }
