"""Arms that are right as often as a guess have nothing to compare."""

from __future__ import annotations

import math

import numpy as np

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `images` with labels, `test_index` and `arms` with `accuracies`.

    A mean over seeds within two standard errors of the most frequent class's share is a guess.
    """
    if context.arms is None or context.test_index is None:
        return None
    if context.images is None or context.images.labels is None or not len(context.test_index):
        return None
    labels = context.images.labels[context.test_index]
    share = float(np.bincount(labels[labels >= 0], minlength=1).max() / len(labels))
    enough = share + 2 * math.sqrt(share * (1 - share) / len(labels))
    guessing = [
        f"{arm['mode']} at {arm['labels']} labels"
        for arm in context.arms
        if arm.get("accuracies") and float(np.mean(arm["accuracies"])) <= enough
    ]
    if not guessing:
        return None
    return Finding(
        "arms-that-guess",
        "warning",
        f"The accuracy of {', '.join(guessing)} cannot be told from that of always answering with "
        f"the most frequent class, {share:.1%}: differences to it say nothing about pretraining. "
        "Train longer (--epochs), or use more labels.",
    )
