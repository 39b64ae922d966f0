"""A network that latens exported and read again; on which images it was trained, the file lost."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `spec`."""
    if context.spec is None or context.spec.imported is None or not context.spec.imported.ours:
        return None
    file, version = context.spec.imported.file, context.spec.imported.written_by
    return Finding(
        "exported-by-latens",
        "info",
        f"This network is latens' own: {version} exported it to {file}, which does not say on "
        "which images it was trained. The run that it came from does; test that one if you can.",
    )
