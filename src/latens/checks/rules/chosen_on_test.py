"""An accuracy that is the best of several on the test part is not a test accuracy."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `selected_on`."""
    if context.selected_on != "test":
        return None
    return Finding(
        "chosen-on-test",
        "error",
        "The reported epoch or setting was chosen on the test part, so its accuracy there is too "
        "good. Choose on the validation part and read the test part once.",
    )
