"""Reconstruction error as an anomaly score: how well unknown classes stand out.

An autoencoder that has learned normal images alone gives others back worse. The threshold comes
from normal validation images and from nothing else. N images; scores are larger for odder ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.data.split import Split
from latens.errors import DataError, UsageError, plural, unknown_name
from latens.evaluation.reconstruction import image_mse
from latens.nn.model import Model
from latens.progress import Progress, silent

BATCH = 500
SHOWN = 10
Scores: TypeAlias = npt.NDArray[np.floating[Any]]
Flags: TypeAlias = npt.NDArray[np.bool_]
Result: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


def anomaly(
    model: Model,
    images: ImageSet,
    split: Split,
    device: torch.device,
    *,
    normal: Collection[str],
    false_alarms: float = 0.05,
    progress: Progress = silent,
) -> Result:
    """The result "anomaly": AUROC, and rates at a threshold chosen on validation, on the test part.

    `normal` are the classes that count as normal: one, or all but one. Training images of other
    classes are counted in `seen`, which should be 0. Arrays: `errors` float64 [N] (each test
    image's mean squared error), `anomalous` bool [N], and uint8 pictures [<=10, C, H, W] with
    their errors and flags: the `most` and `least` anomalous ones. Raises `DataError`
    (``unlabelled``, ``one-kind``, ``too-few-normal``) and `UsageError` (``bad-fraction``,
    ``unknown-class``).
    """
    odd = ~_is_normal(images, normal)
    known = split.val[~odd[split.val]]
    errors = image_errors(model, images, split.test, device, progress)
    limit = threshold(image_errors(model, images, known, device, progress), false_alarms)
    odd_N = odd[split.test]
    values = {
        "part": "test",
        "images": len(split.test),
        "anomalies": int(odd_N.sum()),
        "seen": int(odd[split.train].sum()),
        "normal": list(normal),
        **rates(errors, odd_N, limit),
        "false_alarms_wanted": false_alarms,
        "validation_images": len(known),
        "auroc_by_class": _by_class(errors, images, split.test, odd_N),
    }
    arrays = {"errors": errors, "anomalous": odd_N}
    return values, {**arrays, **_extremes(images, split.test, errors, odd_N)}


@torch.no_grad()
def image_errors(
    model: Model,
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    progress: Progress = silent,
) -> npt.NDArray[np.float64]:
    """The mean squared error of each image's reconstruction, float64 [N]; pixels from 0 to 1."""
    model.eval()
    errors: list[npt.NDArray[np.float64]] = []
    if not len(index):
        return np.zeros(0)
    for batch in Batches(images, index, BATCH, device).in_order():
        back = model.reconstruct(batch.images, batch.labels).float().cpu().numpy()
        errors.append(image_mse(batch.images.cpu().numpy(), back))
        progress("scoring", sum(map(len, errors)), len(index))
    return np.concatenate(errors)


def threshold(normal_scores: Scores, false_alarms: float = 0.05) -> float:
    """The score above which at most this share of new normal images lie, on average.

    It is the ceil((n + 1)(1 - share))-th smallest of n normal scores: the bound of split conformal
    prediction (Vovk et al. 2005), which holds for any distribution of scores. An ordinary
    percentile of few images would give more false alarms than it says.
    """
    if not 0 < false_alarms < 1:
        raise UsageError(
            f"Expected a share of false alarms between 0 and 1; got {false_alarms}.",
            hint="For example 0.05.",
            code="bad-fraction",
        )
    count = len(normal_scores)
    # the small number keeps (n + 1)(1 - share) from being rounded up by its last bit
    place = math.ceil((count + 1) * (1 - false_alarms) - 1e-9)
    if place > count:
        needed = math.ceil(1 / false_alarms - 1e-9) - 1
        raise DataError(
            f"Expected at least {plural(needed, 'normal validation image')} for {false_alarms:.2%} "
            f"false alarms; got {count}.",
            hint="Allow more --false-alarms, or train with a larger --val-fraction.",
            code="too-few-normal",
        )
    return float(np.sort(normal_scores)[place - 1])


def rates(scores: Scores, anomalous: Flags, limit: float) -> dict[str, float]:
    """AUROC, average precision, and the rates of false alarms and hits above `limit`.

    Raises `DataError` (``one-kind``) unless there are both normal and anomalous images.
    """
    if anomalous.all() or not anomalous.any():
        raise DataError(
            f"Expected both normal and anomalous images; {int(anomalous.sum())} of "
            f"{len(anomalous)} are anomalous.",
            hint="Name some of the classes as normal, but not all.",
            code="one-kind",
        )
    alarm = scores > limit
    return {
        "auroc": float(roc_auc_score(anomalous, scores)),
        "average_precision": float(average_precision_score(anomalous, scores)),
        "threshold": limit,
        "false_alarm_rate": float(alarm[~anomalous].mean()),
        "hit_rate": float(alarm[anomalous].mean()),
    }


def _is_normal(images: ImageSet, normal: Collection[str]) -> Flags:
    """Which images of the set are of the normal classes, bool [all of them]."""
    if images.labels is None:
        raise DataError(
            f"Expected labels that tell normal from anomalous; {images.name} has none.",
            hint="Put the pictures of each class into a folder of its own.",
            code="unlabelled",
        )
    for name in normal:
        if name not in images.class_names:
            raise unknown_name("class", name, images.class_names)
    return np.isin(images.labels, [images.class_names.index(name) for name in normal])


def _by_class(
    errors: Scores, images: ImageSet, index: npt.NDArray[np.int64], anomalous: Flags
) -> dict[str, float]:
    """AUROC of each anomalous class of the test part against all normal images."""
    assert images.labels is not None
    labels = images.labels[index]
    found = {}
    for label in np.unique(labels[anomalous]):
        chosen = ~anomalous | (labels == label)
        name = images.class_names[label] if label >= 0 else "no label"
        found[name] = float(roc_auc_score(anomalous[chosen], errors[chosen]))
    return found


def _extremes(
    images: ImageSet, index: npt.NDArray[np.int64], errors: Scores, anomalous: Flags
) -> dict[str, npt.NDArray[Any]]:
    order = np.argsort(errors, kind="stable")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, chosen in (("least", order[:SHOWN]), ("most", order[::-1][:SHOWN])):
        arrays[f"{name}_images"] = np.asarray(images.images[index[chosen]])
        arrays[f"{name}_errors"] = errors[chosen]
        arrays[f"{name}_anomalous"] = anomalous[chosen]
    return arrays
