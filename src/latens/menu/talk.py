"""Questions and answers as lines of text. A wrong answer is told what is allowed, and asked again.

The function that asks raises `EOFError` at the end of input; nothing here catches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from latens.errors import Interrupted, LatensError, UsageError

T = TypeVar("T")
Ask = Callable[[str], str]
"""Shows a prompt, returns the line that was answered."""
Say = Callable[[str], None]
Read = Callable[[str], T]
"""Makes a value of an answer, or raises `LatensError` where it cannot be meant."""


@dataclass(frozen=True)
class Whole:
    """Reads a whole number; the side of a `square` kernel may also be written 3x3."""

    least: int
    most: int
    square: bool = False

    def __call__(self, answer: str) -> int:
        found = re.fullmatch(r"(\d{1,9})(?:\s*[x×]\s*(\d{1,9}))?", answer, re.IGNORECASE)
        same = found and found[2] in (None, found[1]) and (self.square or found[2] is None)
        if found and same and self.least <= int(found[1]) <= self.most:
            return int(found[1])
        raise UsageError(
            f"Expected a whole number from {self.least} to {self.most}; got {answer!r}.",
            code="bad-answer",
        )


class Lines:
    """A talk in lines: what a pipe carries, and any terminal."""

    def __init__(self, ask: Ask, say: Say) -> None:
        self.ask, self.say = ask, say

    def until(self, question: str, read: Read[T], default: str = "") -> T:
        """Ask until `read` takes the answer; an empty one means `default` where there is one."""
        prompt = f"{question} [{default}]: " if default else f"{question}: "
        while True:
            answer = self.ask(prompt).strip() or default
            try:
                return read(answer)
            except Interrupted:
                raise
            except LatensError as error:
                self.tell(error)

    def whole(self, question: str, allowed: Whole, default: int | None = None) -> int:
        """Ask for a whole number."""
        return self.until(question, allowed, "" if default is None else str(default))

    def choose(self, heading: str, choices: Sequence[str]) -> int:
        """Show a numbered menu; the place of what was chosen, from 0."""
        lines = (f"{number} - {choice}" for number, choice in enumerate(choices, start=1))
        self.say("\n".join(["", heading, "", *lines]))
        return self.whole("Your choice", Whole(1, len(choices))) - 1

    def path(self, question: str, read: Read[T]) -> T | None:
        """Ask for a file or folder; None where the answer is empty."""
        return self.until(f"{question} (empty to go back)", lambda a: read(a) if a else None)

    def tell(self, error: LatensError) -> None:
        """What was wrong, and the mend."""
        self.say(str(error))
