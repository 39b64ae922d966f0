"""A training told in lines, where there is no terminal that could show bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from latens.cli.screen import duration

if TYPE_CHECKING:
    from latens.train.records import EpochRecord, StepRecord

LOOK = 3.0  # seconds of updates after which the time that is left can be guessed
LONG = 60.0  # seconds; what takes less needs no warning


class Spoken:
    """An observer that says each validated epoch, and soon after its begin how long a phase takes.

    The guess leaves the validations out and counts all epochs alike, so it is a rough one.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._phase = ""
        self._first = (0.0, 0.0)  # share of the phase that was done, and the seconds, when it began
        self._warned = False

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        """Say what there is to say of a record."""
        from latens.train.records import StepRecord

        within = record.step / record.steps - 1 if isinstance(record, StepRecord) else 0.0
        done = (record.epoch + within) / record.epochs
        if record.phase != self._phase:
            self._phase, self._first, self._warned = record.phase, (done, record.seconds), False
        left = self._left(done, record.seconds)
        if not isinstance(record, StepRecord):
            self._say(_epoch(record))
        if left > LONG and not self._warned:
            self._warned = True
            more = f" in this phase, {record.phase}" if getattr(record, "phases", 1) > 1 else ""
            self._say(f"About {_roughly(left)} to go{more}; Ctrl-C saves and stops.")

    def _left(self, done: float, seconds: float) -> float:
        """Seconds that the rest of the phase takes; 0 as long as nobody can tell."""
        share, took = done - self._first[0], seconds - self._first[1]
        return took * (1 - done) / share if took >= LOOK and share > 0 else 0.0


def _epoch(record: EpochRecord) -> str:
    values = "  ".join(f"validation {name} {value:.4g}" for name, value in record.val.items())
    return f"{record.phase}: epoch {record.epoch} of {record.epochs}  {values}  " + (
        f"({duration(record.seconds)} so far)"
    )


def _roughly(seconds: float) -> str:
    """A minute or more, in one unit: 12 minutes, 3 hours."""
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{round(seconds / 3600)} hours"
