"""Whether pretraining helped is a question about two arms that differ in nothing else."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding

CONTROL = "scratch"


def check(context: Context) -> Finding | None:
    """Needs `arms`: each number of labels wants a from-scratch arm with as many seeds."""
    if context.arms is None:
        return None
    seeds = {(arm["mode"], arm["labels"]): len(arm.get("accuracies", ())) for arm in context.arms}
    unmatched = [
        f"{mode} at {labels} labels"
        for (mode, labels), count in seeds.items()
        if mode != CONTROL and seeds.get((CONTROL, labels)) != count
    ]
    if not unmatched:
        return None
    return Finding(
        "unmatched-control",
        "error",
        f"There is no from-scratch arm with as many seeds beside {', '.join(unmatched)}; without "
        "one nobody can say whether pretraining helped. Add the mode scratch.",
    )
