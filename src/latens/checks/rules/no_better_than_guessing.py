"""A classifier that is right as often as one that always gives the most frequent class."""

from __future__ import annotations

from latens.checks.context import Context
from latens.checks.rules._guess import guessed
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `images` with labels, `val_index`, `val_accuracy` and `spec`.

    Within two standard errors of that share nothing tells it from a guess.
    """
    if context.val_accuracy is None or context.val_index is None or context.spec is None:
        return None
    if context.images is None or context.images.labels is None:
        return None
    labels = context.images.labels[context.val_index]
    labels = labels[labels >= 0]
    if not len(labels):
        return None
    share, enough = guessed(labels)
    if context.val_accuracy > enough:
        return None
    epochs = sum(phase.epochs for phase in context.spec.phases)
    return Finding(
        "no-better-than-guessing",
        "warning",
        f"The accuracy {context.val_accuracy:.1%} on validation cannot be told from that of always "
        f"answering with the most frequent class, {share:.1%}: this classifier has learned nothing "
        f"yet. Train longer (--epochs {3 * epochs}); if that is not enough, use more labels.",
    )
