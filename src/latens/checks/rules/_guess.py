"""How often a guess is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def guessed(labels: npt.NDArray[np.integer[Any]]) -> tuple[float, float]:
    """The share of the most frequent class among int labels `[N]`, N > 0, and the accuracy up to
    which nothing tells a classifier from one that always gives it: two standard errors more."""
    share = float(np.bincount(labels).max() / len(labels))
    return share, share + 2 * math.sqrt(share * (1 - share) / len(labels))
