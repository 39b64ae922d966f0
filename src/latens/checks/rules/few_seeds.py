"""With fewer than five seeds, luck looks like a result."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding
from latens.errors import plural

ENOUGH = 5


def check(context: Context) -> Finding | None:
    """Needs `seeds`; the same seed twice counts once."""
    if context.seeds is None or (count := len(set(context.seeds))) >= ENOUGH:
        return None
    return Finding(
        "few-seeds",
        "warning",
        f"The comparison has {plural(count, 'seed', 'different seeds')}; its intervals "
        f"are wide and unsure. Use --seeds {ENOUGH} or more.",
    )
