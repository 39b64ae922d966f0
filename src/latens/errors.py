"""Errors made for people: what was expected, what came, and how to mend it.

Every error that a user can cause is a `LatensError`. Each kind has an exit code of its own, which
scripts may rely on; `code` is a short stable word for machines, `hint` is the mend.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Self


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

    def __reduce__(self) -> tuple[Any, ...]:
        """For the way from one process to another: the kinds differ in what they are made from."""
        return type(self).__new__, (type(self), self.message), vars(self)


class UsageError(LatensError, ValueError):
    """A flag, name or argument that cannot be meant."""

    exit_code = 2
    default_code = "usage"


class FieldError(UsageError):
    """A value that a setting cannot have: `wanted` in plain words, `came` as text.

    `field` is its dotted place in the spec, such as ``phases.0.learning_rate``. The message also
    names its last word, the keyword in Python; the command line tells the flag instead (`named`).
    """

    default_code = "bad-spec"

    def __init__(
        self, field: str, wanted: str, came: str, *, name: str = "", hint: str = ""
    ) -> None:
        word = next((part for part in reversed(field.split(".")) if not part.isdigit()), field)
        place = name or (word if word == field else f"{word} ({field})")
        super().__init__(
            f"Expected {wanted} for {place}; got {came}.", hint=hint or f"Change {word}."
        )
        self.field, self.wanted, self.came = field, wanted, came

    def named(self, name: str, hint: str) -> Self:
        """The same mistake under the name that was typed."""
        return type(self)(self.field, self.wanted, self.came, name=name, hint=hint)


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


MANY = 12  # names, of which more are not shown


def unknown_name(
    what: str, name: str, known: Iterable[str], *, meant: Mapping[str, str] | None = None
) -> UsageError:
    """The error for a name that is not in a list: it shows the list and the nearest name.

    `meant` are other words for names of the list, as people know them from elsewhere.
    """
    names = sorted(known)
    shown = ", ".join(names[:MANY]) + (f" and {len(names) - MANY} more" if names[MANY:] else "")
    # Short names are near to too many others: 42 is not a misspelt 4.
    near = difflib.get_close_matches(name, names, n=1) if len(name) > 2 else []
    other = (meant or {}).get(name.lower(), "")
    near = [other] if other in names else near
    hint = f"Did you mean {near[0]}?" if near else "Use one of these."
    return UsageError(
        f"Expected the name of {a(what)} ({shown}); got {name!r}.",
        hint=hint,
        code=f"unknown-{what.replace(' ', '-')}",
    )


def a(noun: str) -> str:
    """A noun with its article: a corruption, an augmentation."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun, perhaps its verb: 1 epoch, 1,797 images, 2 images repeat.

    >>> plural(1, "image repeats", "images repeat"), plural(1797, "image")
    ('1 image repeats', '1,797 images')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_WANTED = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "at most {le:g}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "union_tag_invalid": "one of {expected_tags}",
    "missing": "a value",
    "extra_forbidden": "nothing (there is no such setting)",
    "too_short": "at least {min_length}",
    "int_from_float": "a whole number",
}
_KINDS = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "text",
    "tuple": "a list", "list": "a list", "dict": "several settings", "model": "several settings",
}  # fmt: skip


def in_words(kind: str, context: Mapping[str, Any]) -> str:
    """What was expected where pydantic found an error of this `kind`, in plain words.

    >>> in_words("greater_than_equal", {"ge": 1}), in_words("int_parsing", {})
    ('at least 1', 'a whole number')
    """
    if kind in _WANTED:
        return _WANTED[kind].format_map(context)
    return _KINDS.get(kind.split("_")[0], "another value")
