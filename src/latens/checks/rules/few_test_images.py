"""With few test images an accuracy is unsure by several points, whatever its digits say."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding
from latens.errors import plural
from latens.stats import proportion_interval

ENOUGH = 200


def check(context: Context) -> Finding | None:
    """Needs `measured` and `right`."""
    if not context.measured or context.right is None or context.measured >= ENOUGH:
        return None
    found = proportion_interval(context.right, context.measured)
    return Finding(
        "few-test-images",
        "warning",
        f"The accuracy was measured on {plural(context.measured, 'test image')}: by chance alone "
        f"it is known only to lie between {found.low:.1%} and {found.high:.1%} (95 % interval, "
        "Wilson 1927). Test on more images.",
    )
