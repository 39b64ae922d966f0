"""Ctrl-C and a polite kill, turned into a question that the loop asks between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from latens.errors import Interrupted
from latens.runs import commands
from latens.runs.folder import RunFolder


class Interrupt:
    """While open, the first SIGINT or SIGTERM sets `asked`; a second one stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def stop_if(asked: bool, run: RunFolder | None) -> None:
    """Raise `Interrupted` if somebody asked to stop."""
    if not asked:
        return
    if run is None:
        raise Interrupted("Stopped between two steps; nothing of it is on disk.")
    raise Interrupted(
        "Stopped between two steps; everything so far is saved.",
        hint=f"Go on with: {commands.resume(run.path, run.spec())}",
    )
