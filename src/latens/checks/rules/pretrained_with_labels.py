"""An encoder that was told the classes has spent labels that a label budget does not count."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding
from latens.spec import VaeSpec


def check(context: Context) -> Finding | None:
    """Needs `pretrain_spec`."""
    if context.pretrain_spec is None:
        return None
    objective = context.pretrain_spec.objective
    if not (isinstance(objective, VaeSpec) and objective.conditional):
        return None
    return Finding(
        "pretrained-with-labels",
        "warning",
        "The encoder was pretrained with the class of every image (--conditional), so a classifier "
        "of few labels has had the help of all of them. Pretrain without.",
    )
