"""Arms that are all right as often as a guess have nothing to compare."""

from __future__ import annotations

import numpy as np

from latens.checks.context import Context
from latens.checks.rules._guess import guessed
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `images` with labels, `test_index` and `arms` with `accuracies`.

    Where one arm of a budget does better than a guess, the verdict means something.
    """
    if context.arms is None or context.test_index is None:
        return None
    if context.images is None or context.images.labels is None:
        return None
    labels = context.images.labels[context.test_index]
    labels = labels[labels >= 0]
    if not len(labels):
        return None
    share, enough = guessed(labels)
    best: dict[object, float] = {}
    for arm in context.arms:
        mean = float(np.mean(arm["accuracies"])) if arm.get("accuracies") else 1.0
        best[arm["labels"]] = max(mean, best.get(arm["labels"], 0.0))
    budgets = [str(budget) for budget, mean in best.items() if mean <= enough]
    if not budgets:
        return None
    return Finding(
        "arms-that-guess",
        "warning",
        f"At {' and '.join(budgets)} labels no arm's accuracy can be told from that of always "
        f"answering with the most frequent class, {share:.1%}: the differences there say nothing "
        "about pretraining. Train longer (--epochs), or use more labels.",
    )
