"""How long work tells that it moves on, without knowing who listens.

A function that may take longer than two seconds takes `progress: Progress = silent` and calls
`progress(what, done, total)`, for example `progress("decoding", 1200, 60000)`. The command line
draws a bar from these calls; a script may pass a function of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""
