"""How good sampled images are, without any network from elsewhere.

The features are those of a classifier that latens trained, whose weights' sha256 stands beside the
numbers: they can be compared for one such classifier only. S samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from latens.data.image_set import UNLABELLED, ImageSet
from latens.data.on_disk import Rows
from latens.data.split import Split
from latens.errors import DataError
from latens.evaluation.features import penultimate, weights_sha256
from latens.evaluation.fidelity import (
    density_coverage,
    frechet_distance,
    nearest,
    precision_recall,
)
from latens.nn.model import Model
from latens.progress import Progress, silent

A_CLASS, ALL, NEAR = 10, 100, 10  # pictures kept: of each class, without classes, nearest
CLOSE = 0.01  # the share of real images that lie nearer to training than "close" means
Pixels: TypeAlias = npt.NDArray[np.uint8]
Labels: TypeAlias = npt.NDArray[np.int64]
Features: TypeAlias = npt.NDArray[np.floating[Any]]
Result: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


def samples(
    drawn: Pixels,
    images: ImageSet,
    split: Split,
    classifier: Model,
    device: torch.device,
    *,
    asked: Labels | None = None,
    train_on: float | Callable[[Pixels, Labels], float] | None = None,
    part: str = "test",
    seed: int = 0,
    progress: Progress = silent,
) -> Result:
    """The result "samples": how like the real images of a part the `drawn` ones are.

    `drawn` uint8 [S, C, H, W]; `asked` int64 [S] are the classes that were asked for. `train_on`
    is the accuracy of a classifier trained on the samples, or a function of samples and classes
    that gives it. Samples are compared with as many real images; the numbers that end in `_of_real`
    are of as many training images in the samples' place: what a perfect sampler would get.
    Distances are root mean squares over pixels, 0 to 1. Arrays: `pictures` uint8, `pictures_asked`,
    `pictures_said` int64; `near_samples` and `near_images`, the samples nearest to a training
    image, with their `near_distances`. Raises `DataError` (``other-shape``, ``no-images``).
    """
    _check(drawn, images)
    real, train = _equal(
        split.val if part == "validation" else split.test, split.train, drawn, seed
    )
    given = _as_set(drawn, images)
    features, scores = penultimate(classifier, given, _every(drawn), device, progress)
    real_features, real_scores = penultimate(classifier, images, real, device, progress)
    train_features, _ = penultimate(classifier, images, train, device, progress)
    said = scores.argmax(axis=1)
    values: dict[str, Any] = {
        "samples": len(drawn),
        "images": len(real),
        "part": part,
        **fidelity(real_features, features[: len(real)]),
        **_of_real(fidelity(real_features, train_features)),
        "asked_accuracy": None if asked is None else float((said == asked).mean()),
        "classifier_accuracy": _accuracy(real_scores, images, real),
        "trained_accuracy": _trained(train_on, drawn, asked),
        "classes": list(images.class_names),
        "said": np.bincount(said, minlength=len(images.class_names)).tolist(),
        "classifier_sha256": weights_sha256(classifier),
    }
    progress("nearest training images", 0, 2)
    near, arrays = _memorised(drawn[: len(real)], images, real, split.train, progress)
    shown = _shown(drawn, asked)
    arrays |= {"pictures": drawn[shown], "pictures_said": said[shown].astype(np.int64)}
    if asked is not None:
        arrays["pictures_asked"] = np.asarray(asked[shown], np.int64)
    return {**values, **near}, arrays


def fidelity(real: Features, sampled: Features) -> dict[str, float]:
    """All four measures of `latens.evaluation.fidelity`, with their authors' neighbours."""
    precision, recall = precision_recall(real, sampled, k=3)
    density, coverage = density_coverage(real, sampled, k=5)
    return {
        "frechet": frechet_distance(real, sampled),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
    }


def _of_real(numbers: dict[str, float]) -> dict[str, float]:
    return {f"{name}_of_real": value for name, value in numbers.items()}


def _memorised(
    drawn: Pixels, images: ImageSet, real: Labels, train: Labels, progress: Progress
) -> Result:
    """How near samples and real images lie to the training images, and the nearest samples."""
    training = _Part(images, train)
    pixels = np.sqrt(np.prod(images.shape))
    away, which = nearest(drawn / 255.0, training, 1 / 255)
    progress("nearest training images", 1, 2)
    usual, _ = nearest(images.images[real] / 255.0, training, 1 / 255)
    progress("nearest training images", 2, 2)
    first = np.argsort(away, kind="stable")[:NEAR]
    values = {
        "nearest": float(away.mean() / pixels),
        "nearest_of_real": float(usual.mean() / pixels),
        # of real images this share is CLOSE; many more of the samples would mean copies
        "close": float((away <= np.quantile(usual, CLOSE)).mean()),
        "close_of_real": CLOSE,
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        "near_samples": drawn[first],
        "near_images": training[which[first]],
        "near_distances": away[first] / pixels,
    }
    return values, arrays


class _Part:
    """The images at `index`, of which only those that are asked for are in memory."""

    def __init__(self, images: ImageSet, index: Labels) -> None:
        self._rows, self._index = Rows(images.images), index

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, at: slice | Labels) -> Pixels:
        return self._rows[self._index[at]]


def _shown(drawn: Pixels, asked: Labels | None) -> Labels:
    """The first samples of each class that was asked for, class by class; or just the first."""
    if asked is None:
        return np.arange(min(ALL, len(drawn)))
    of_class = [np.flatnonzero(asked == label)[:A_CLASS] for label in np.unique(asked)]
    return np.concatenate(of_class)


def _equal(real: Labels, train: Labels, drawn: Pixels, seed: int) -> tuple[Labels, Labels]:
    """As many real and training images as there are samples, or as there can be; sorted."""
    count = min(len(real), len(train), len(drawn))
    rng = np.random.default_rng(seed)
    return np.sort(rng.permutation(real)[:count]), np.sort(rng.permutation(train)[:count])


def _accuracy(scores: Features, images: ImageSet, index: Labels) -> float | None:
    """The share of labelled images that the classifier names rightly; None without labels."""
    if images.labels is None:
        return None
    known = images.labels[index] != UNLABELLED
    right = scores.argmax(axis=1) == images.labels[index]
    return float(right[known].mean()) if known.any() else None


def _trained(
    train_on: float | Callable[[Pixels, Labels], float] | None, drawn: Pixels, asked: Labels | None
) -> float | None:
    if callable(train_on):
        assert asked is not None, "samples without classes cannot teach a classifier"
        return float(train_on(drawn, asked))
    return train_on


def _as_set(drawn: Pixels, images: ImageSet) -> ImageSet:
    return replace(images, images=drawn, labels=None, test_start=None, name="samples")


def _every(drawn: Pixels) -> Labels:
    return np.arange(len(drawn))


def _check(drawn: Pixels, images: ImageSet) -> None:
    if drawn.shape[1:] != images.images.shape[1:]:
        raise DataError(
            f"Expected samples of the images' shape {images.shape}; got {drawn.shape[1:]}.",
            hint="Compare with the images that the sampler was trained on.",
            code="other-shape",
        )
    if not len(drawn):
        raise DataError(
            "Expected at least one sample; got none.", hint="Draw some.", code="no-images"
        )
