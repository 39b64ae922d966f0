"""Whether the native kernels are used: only within a training that began with them.

A training uses them from its first step to its last or not at all, because their results differ
from torch's in the last digits, dropout leaves out other places, and a training that goes on must
end with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_used = False


def use(native: bool) -> None:
    """Let layers use the native kernels from now on, or keep them from it."""
    global _used
    _used = native


@contextmanager
def as_before() -> Iterator[None]:
    """After the block layers use the kernels, or do not, as before it."""
    before = _used
    try:
        yield
    finally:
        use(before)


def ops() -> ModuleType | None:
    """The native kernels, if they are in use."""
    if not _used:
        return None
    from latens.kernels import ops

    return ops
