"""The same talk on a terminal, with arrow keys: questionary's lists, and paths that complete."""

from __future__ import annotations

from collections.abc import Sequence

import questionary

from latens.menu.talk import Lines, Read, Say, T


class Arrows(Lines):
    """A talk with a person at a terminal. Ctrl-C raises `KeyboardInterrupt`, Ctrl-D `EOFError`."""

    def __init__(self, say: Say) -> None:
        super().__init__(_text, say)

    def choose(self, heading: str, choices: Sequence[str]) -> int:
        """A list to walk through with the arrow keys, or by the number of a line."""
        shown = [questionary.Choice(text, value=place) for place, text in enumerate(choices)]
        return int(questionary.select(heading, shown, use_shortcuts=len(shown) < 10).unsafe_ask())

    def path(self, question: str, read: Read[T]) -> T | None:
        """Ask for a file or folder; the tab key completes."""
        plain, self.ask = self.ask, _path
        try:
            return super().path(question, read)
        finally:
            self.ask = plain


def _text(prompt: str) -> str:
    return str(questionary.text(prompt.rstrip(": ")).unsafe_ask())


def _path(prompt: str) -> str:
    return str(questionary.path(prompt.rstrip(": ")).unsafe_ask())
