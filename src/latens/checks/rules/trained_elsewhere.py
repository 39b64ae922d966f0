"""Nobody knows what a network from elsewhere was trained on; its test error may be flattering."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `spec`."""
    if context.spec is None or context.spec.imported is None or context.spec.imported.ours:
        return None
    return Finding(
        "trained-elsewhere",
        "info",
        f"This network was trained elsewhere: {context.spec.imported.file} does not say on which "
        "images. If the images that it is tested on were among them, its test figures flatter it.",
    )
