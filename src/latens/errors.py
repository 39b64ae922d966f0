"""Errors made for people: what was expected, what came, and how to mend it.

Every error that a user can cause is a `LatensError`. Each kind has an exit code of its own, which
scripts may rely on; `code` is a short stable word for machines, `hint` is the mend.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LatensError(Exception):
    """Base of all errors that are told in one sentence instead of a traceback."""

    exit_code = 1
    default_code = "error"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class UsageError(LatensError, ValueError):
    """A flag, name or argument that cannot be meant."""

    exit_code = 2
    default_code = "usage"


class DataError(LatensError, ValueError):
    """Images or labels that cannot be read or used."""

    exit_code = 3
    default_code = "data"


class RunError(LatensError):
    """A run folder that is missing, half written, newer than this program, or in the way."""

    exit_code = 4
    default_code = "run"


class TrainingError(LatensError):
    """A training that could not go on: a loss that is not finite, a full disk."""

    exit_code = 5
    default_code = "training"


class Interrupted(LatensError):
    """Ctrl-C. What was done so far is saved; the hint says how to go on."""

    exit_code = 130
    default_code = "interrupted"


def unknown_name(what: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in a list: it shows the list and the nearest name."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(names)}."
    return UsageError(
        f"Expected the name of a {what} ({', '.join(names)}); got {name!r}.",
        hint=hint,
        code=f"unknown-{what.replace(' ', '-')}",
    )
