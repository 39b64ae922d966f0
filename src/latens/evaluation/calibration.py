"""How far stated confidences can be trusted: ECE with its bins, NLL and the Brier score.

Shapes: N images, K classes. Probabilities are float [N, K], rows sum to 1; labels int64 [N].
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bin = dict[str, Any]
SMALLEST = float(np.finfo(np.float32).eps)


def calibration_bins(
    confidence: npt.NDArray[np.floating[Any]], correct: npt.NDArray[np.bool_], bins: int = 15
) -> list[Bin]:
    """The reliability table: one dict a bin of equal width over (0, 1], low end excluded.

    `confidence` [N] in [0, 1] is the probability of the predicted class, `correct` bool [N].
    Each dict has `low`, `high`, `count`, and the means `confidence` and `accuracy`, which are None
    in an empty bin.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    which_N = np.searchsorted(edges[1:-1], confidence.astype(np.float64), side="left")
    counts = np.bincount(which_N, minlength=bins)
    confidences = np.bincount(which_N, weights=confidence, minlength=bins)
    corrects = np.bincount(which_N, weights=correct, minlength=bins)
    return [
        {
            "low": float(edges[i]),
            "high": float(edges[i + 1]),
            "count": int(counts[i]),
            "confidence": float(confidences[i] / counts[i]) if counts[i] else None,
            "accuracy": float(corrects[i] / counts[i]) if counts[i] else None,
        }
        for i in range(bins)
    ]


def expected_calibration_error(table: list[Bin]) -> float:
    """ECE of Guo et al. (2017): the bins' gaps |accuracy - confidence|, weighted by count; 0 to 1.

    It depends on the bins; `calibration_bins` with 15 gives the usual number.
    """
    filled = [row for row in table if row["count"]]
    total = sum(row["count"] for row in filled)
    gaps = (row["count"] * abs(row["accuracy"] - row["confidence"]) for row in filled)
    return float(sum(gaps) / total) if total else 0.0


def negative_log_likelihood(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]
) -> float:
    """Mean of -log p(true class), with p no smaller than float32's epsilon, so 15.95 at most."""
    p_N = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(p_N, SMALLEST, 1.0)).mean())


def brier(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """Brier's (1950) score: squared errors summed over all classes, mean over images; 0 to 2.

    For two classes this is twice the one-sided form that some libraries give.
    """
    errors_NK = probabilities.astype(np.float64)
    errors_NK[np.arange(len(labels)), labels] -= 1.0
    return float((errors_NK**2).sum(axis=1).mean())
