"""Where nobody can tell whether pretraining saw the test images, that is worth saying."""

from __future__ import annotations

from latens.checks.context import Context
from latens.checks.rules.pretrained_on_test import comparable
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `pretrain_fingerprint`, `images` and `test_index`."""
    if context.pretrain_fingerprint is None or context.images is None:
        return None
    if context.test_index is None or comparable(context):
        return None
    before = context.pretrain_spec
    if before is not None and before.imported is not None:
        return Finding(
            "pretraining-unchecked",
            "warning",
            f"The encoder came from {before.imported.file}, which does not say on which images it "
            "was trained: whether test images were among them could not be checked.",
        )
    return Finding(
        "pretraining-unchecked",
        "warning",
        "The encoder was pretrained on other images, which are no longer at hand in the same size "
        "(or its run was removed): whether test images were among them could not be checked.",
    )
