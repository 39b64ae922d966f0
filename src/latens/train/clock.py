"""When to show and when to save, and how long a training has been over all sittings."""

from __future__ import annotations

import time


class Clock:
    """Seconds, counted on from those of earlier sittings."""

    def __init__(self, before: float, *, show_every: float, save_every: float) -> None:
        self._show_every, self._save_every = show_every, save_every
        self._zero = time.perf_counter() - before
        self._shown = self._saved = time.perf_counter()

    def elapsed(self) -> float:
        return time.perf_counter() - self._zero

    def show_due(self) -> bool:
        due = time.perf_counter() - self._shown > self._show_every
        if due:
            self._shown = time.perf_counter()
        return due

    def save_due(self) -> bool:
        return time.perf_counter() - self._saved > self._save_every

    def saved(self) -> None:
        self._saved = time.perf_counter()
