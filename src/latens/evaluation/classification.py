"""What a classifier got right and wrong, from its labels and scores alone.

Shapes: N images, K classes. Nothing here rounds a score before it decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.metrics import classification_report

from latens.errors import DataError, TrainingError
from latens.evaluation.calibration import (
    brier,
    calibration_bins,
    expected_calibration_error,
    negative_log_likelihood,
)

Scores = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]
# Keys that scikit-learn's report uses beside the classes; a class of that name gets its number.
_TAKEN = ("accuracy", "macro avg", "weighted avg", "micro avg")


def classification(
    labels: Labels,
    scores: Scores,
    class_names: Sequence[str],
    *,
    kind: Literal["logits", "probabilities"] = "logits",
    bins: int = 15,
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The result "classification": a JSON dict, and `labels` and float32 `probabilities` [N, K].

    `labels` int64 [N] from 0 to K - 1; `scores` float [N, K]; one class name a column. Predictions
    are the argmax of the scores as they came; the stored probabilities have the same argmax.
    `loss` is the cross-entropy of unclipped scores; `nll` that of clipped probabilities.
    Raises `DataError` (``unlabelled``, ``label-out-of-range``, ``classes-disagree``, ``no-images``)
    and `TrainingError` (``not-finite``).
    """
    _validate(labels, scores, class_names)
    predictions_N = scores.argmax(axis=1)
    log_p_NK = _log_probabilities(scores, kind)
    probabilities = _agreeing(np.exp(log_p_NK).astype(np.float32), predictions_N)
    correct_N = predictions_N == labels
    table = calibration_bins(_confidence(probabilities, predictions_N), correct_N, bins)
    result = {
        "images": len(labels),
        "accuracy": float(correct_N.mean()),
        "loss": float(-log_p_NK[np.arange(len(labels)), labels].mean()),
        "nll": negative_log_likelihood(labels, probabilities),
        "ece": expected_calibration_error(table),
        "brier": brier(labels, probabilities),
        "report": report(labels, predictions_N, class_names),
        "confusion": confusion(labels, predictions_N, len(class_names)).tolist(),
        "classes": list(class_names),
        "calibration": table,
    }
    return result, {"labels": labels.astype(np.int64), "probabilities": probabilities}


def report(
    labels: Labels, predictions: npt.NDArray[np.integer[Any]], class_names: Sequence[str]
) -> dict[str, Any]:
    """scikit-learn's `classification_report(output_dict=True)` over all classes, as plain floats.

    A class without test images has zeros. Where names repeat, each gets its number: ``"cat (3)"``.
    """
    table = classification_report(
        labels,
        predictions,
        labels=range(len(class_names)),
        target_names=distinct(class_names),
        output_dict=True,
        zero_division=0,
    )
    return {
        name: {key: float(value) for key, value in row.items()}
        if isinstance(row, dict)
        else float(row)
        for name, row in table.items()
    }


def confusion(
    labels: Labels, predictions: npt.NDArray[np.integer[Any]], classes: int
) -> npt.NDArray[np.int64]:
    """int64 [K, K]: how many images of class i (row) were taken for class j (column)."""
    cells = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return cells.reshape(classes, classes)


def distinct(class_names: Sequence[str]) -> list[str]:
    """Names as keys: those that repeat, or that the report itself uses, get their class number."""
    counts = Counter([*class_names, *_TAKEN, *_TAKEN])
    # A name such as "cat (3)" may itself be a class; the number then goes on once more.
    names: list[str] = []
    for number, name in enumerate(class_names):
        key = name if counts[name] == 1 else f"{name} ({number})"
        while key in names or (key != name and counts[key]):
            key = f"{key} ({number})"
        names.append(key)
    return names


def examples(
    labels: Labels, probabilities: Scores, k: int = 25
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices of up to `k` correct and `k` wrong predictions worth showing; the same every time.

    Wrong ones come most confident first. Correct ones are shared out evenly over the classes and,
    within a class, from its least to its most confident.
    """
    predictions_N = probabilities.argmax(axis=1)
    confidence_N = _confidence(probabilities, predictions_N)
    wrong = np.flatnonzero(predictions_N != labels)
    wrong = wrong[np.argsort(-confidence_N[wrong], kind="stable")][:k]
    correct = np.flatnonzero(predictions_N == labels)
    correct = correct[np.lexsort((confidence_N[correct], labels[correct]))]
    groups = np.split(correct, np.flatnonzero(np.diff(labels[correct])) + 1)
    quotas = _quotas(np.array([len(group) for group in groups]), k)
    picked = [group[_evenly(len(group), q)] for group, q in zip(groups, quotas, strict=True)]
    return np.concatenate(picked).astype(np.int64), wrong.astype(np.int64)


def _quotas(counts: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    """How many of `k` each group gives: as equal as the groups' sizes allow."""
    quotas = np.zeros_like(counts)
    while (room := min(k, int(counts.sum())) - int(quotas.sum())) > 0:
        unfilled = np.flatnonzero(quotas < counts)
        quotas[unfilled[_evenly(len(unfilled), min(room, len(unfilled)))]] += 1
    return quotas


def _evenly(n: int, k: int) -> npt.NDArray[np.int64]:
    """The middles of `k` equal stretches of ``range(n)``; all distinct as long as k <= n."""
    return (2 * np.arange(k) + 1) * n // max(2 * k, 1)


def _log_probabilities(
    scores: Scores, kind: Literal["logits", "probabilities"]
) -> npt.NDArray[np.float64]:
    scores_NK = scores.astype(np.float64)
    if kind == "logits":
        return np.asarray(log_softmax(scores_NK, axis=1), dtype=np.float64)
    tiny = np.finfo(np.float64).tiny
    return np.asarray(np.log(np.maximum(scores_NK, tiny)), dtype=np.float64)


def _agreeing(
    probabilities: npt.NDArray[np.float32], predictions_N: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float32]:
    """Lift the predicted class by one float32 step where rounding made it tie with another."""
    rows = np.flatnonzero(probabilities.argmax(axis=1) != predictions_N)
    top = probabilities[rows].max(axis=1)
    probabilities[rows, predictions_N[rows]] = np.nextafter(top, np.float32(2))
    return probabilities


def _confidence(
    probabilities: Scores, predictions_N: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    return np.asarray(probabilities[np.arange(len(probabilities)), predictions_N], dtype=np.float64)


def _validate(labels: Labels, scores: Scores, class_names: Sequence[str]) -> None:
    classes = len(class_names)
    if not len(labels):
        raise DataError(
            "Expected at least one labelled image; got none.",
            hint="Choose a part of the data that has images.",
            code="no-images",
        )
    if scores.shape != (len(labels), classes):
        raise DataError(
            f"Expected scores of shape ({len(labels)}, {classes}), an image a row and a class a "
            f"column; got {scores.shape}.",
            hint="Evaluate with the data set that the classifier was trained for.",
            code="classes-disagree",
        )
    if labels.min() < 0:
        raise DataError(
            f"Expected a label for each image; {int((labels < 0).sum())} have none.",
            hint="Leave unlabelled images out of the test part.",
            code="unlabelled",
        )
    if labels.max() >= classes:
        raise DataError(
            f"Expected labels from 0 to {classes - 1}; got {int(labels.max())}.",
            hint="Evaluate with the data set that the classifier was trained for.",
            code="label-out-of-range",
        )
    if not np.isfinite(scores).all():
        raise TrainingError(
            "Expected finite class scores; got NaN or infinity.",
            hint="The weights have diverged: train again with a lower --learning-rate.",
            code="not-finite",
        )
