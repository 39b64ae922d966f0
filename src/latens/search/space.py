"""What is tried of each option: named values, or a range. Optuna is not needed to read it.

    filters=16,32,64              these values
    learning_rate=1e-4..1e-2:log  a range, drawn by its logarithm
    dropout=0..0.5:0.1            a range in steps; whole numbers where both ends are
    hidden=[100],[200,100]        values that have commas themselves stand in brackets

Text is read here and checked; what its values mean is told by `read`.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from latens.errors import UsageError

if TYPE_CHECKING:
    from optuna import Trial

Label: TypeAlias = bool | int | float | str | None
"""What Optuna stores of a value: a scalar of JSON."""
MANY = 2_000  # points of a grid or steps of a range; more is a slip of the hand
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_COLON = re.compile(rf"\s*{_NUMBER}\s*:\s*{_NUMBER}\s*(?::.*)?")
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*(.*?)\s*)?")


@dataclass(frozen=True)
class Choices:
    """Named values: `labels` are what Optuna and tables see, `values` what a training is given."""

    name: str
    labels: tuple[Label, ...]
    values: tuple[Any, ...]

    log = False

    @property
    def size(self) -> int | None:
        """How many values there are."""
        return len(self.labels)

    def value(self, label: Label) -> Any:
        """The value of a label."""
        return self.values[self.labels.index(label)]

    def grid(self) -> tuple[Label, ...]:
        """All labels."""
        return self.labels

    def ends(self) -> tuple[Label, ...]:
        """What has to be tried to see that all values are allowed."""
        return self.labels

    def suggest(self, trial: Trial) -> Label:
        """The label for a trial."""
        return trial.suggest_categorical(self.name, self.labels)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; `whole` ones alone if so asked."""

    name: str
    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None

    @property
    def size(self) -> int | None:
        """How many numbers there are; None where there is one between any two."""
        if not (self.whole or self.step):
            return None
        return math.floor((self.high - self.low) / (self.step or 1) * (1 + 1e-9)) + 1

    def value(self, label: Label) -> Any:
        """The label itself: a number."""
        return label

    def grid(self) -> tuple[Label, ...]:
        """All numbers of a range in steps, or of whole numbers.

        Raises `UsageError` for a range in which there is a number between any two.
        """
        if self.log or not (self.whole or self.step):
            raise UsageError(
                f"Expected values to try for {self.name} in a grid; got the range "
                f"{self.low:g}..{self.high:g}.",
                hint=f"Name them, as {self.name}={self.low:g},{self.high:g}, give a step, as "
                f"{self.name}={self.low:g}..{self.high:g}:{(self.high - self.low) / 4:g}, "
                "or use --search random.",
                code="no-grid",
            )
        step = self.step or 1
        found = (self.low + place * step for place in range(self.size or 0))
        return tuple(int(x) if self.whole else float(f"{x:.12g}") for x in found)

    def ends(self) -> tuple[Label, ...]:
        """The lowest and the highest number."""
        return (self.low, self.high)

    def suggest(self, trial: Trial) -> Label:
        """The number for a trial."""
        if not self.whole:
            return trial.suggest_float(self.name, self.low, self.high, log=self.log, step=self.step)
        step = int(self.step or 1)
        return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log, step=step)


Parameter: TypeAlias = Choices | Range


def parse(
    name: str, text: str, read: Callable[[str], Any], *, whole: bool | None = None
) -> Parameter:
    """One parameter from its text; `read` makes a value of the text of one.

    `whole` says whether a range is of whole numbers; None leaves it to how its ends are written.

    Raises `UsageError` for an empty list, a value that comes twice, or a range upside down.
    """
    found = _RANGE.fullmatch(text)
    if found:
        return _range(name, found[1], found[2], found[3] or "", whole)
    if _COLON.fullmatch(text):
        raise UsageError(
            f"Expected a range of {name} with two dots; got {text}.",
            hint=f"Use {name}={text.replace(':', '..', 1)}.",
            code="bad-range",
        )
    texts = _split(text)
    values = [read(each) for each in texts]
    return choices(name, texts, values)


def choices(name: str, texts: Sequence[str], values: Sequence[Any]) -> Choices:
    """Named values; a scalar is its own label, anything else has its text.

    Raises `UsageError` if there are none, or one comes twice.
    """
    if not values:
        raise UsageError(
            f"Expected values to try for {name}; got none.",
            hint=f"For example --param {name}=A,B.",
            code="empty-grid",
        )
    labels = [_label(value, text) for value, text in zip(values, texts, strict=True)]
    twice = [label for place, label in enumerate(labels) if label in labels[:place]]
    if twice:
        raise UsageError(
            f"Expected each value of {name} once; got {twice[0]} twice.",
            hint="Leave one out; to repeat trainings, use --param seed=0,1,2.",
            code="repeated-value",
        )
    return Choices(name, tuple(labels), tuple(values))


def _label(value: Any, text: str) -> Label:
    return value if isinstance(value, bool | int | float | str | None) else text


def _range(name: str, low: str, high: str, how: str, whole: bool | None) -> Range:
    ends = float(low), float(high)
    log, step = how == "log", _step(how)
    if how and not log and step is None:
        raise UsageError(
            f"Expected log or a step above 0 after the range of {name}; got {how!r}.",
            hint=f"For example {name}={low}..{high}:log.",
            code="bad-range",
        )
    if not ends[0] < ends[1]:
        raise UsageError(
            f"Expected a range from low to high for {name}; got {low}..{high}.",
            hint=f"For example {name}={high}..{low}." if ends[0] > ends[1] else "Fix the value.",
            code="bad-range",
        )
    if log and ends[0] <= 0:
        raise UsageError(
            f"Expected a range above 0 for the logarithm of {name}; got {low}..{high}.",
            hint=f"Begin above 0, or leave :log out: {name}={low}..{high}.",
            code="bad-range",
        )
    parts = [*ends, *([step] if step else [])]
    if whole is None:
        whole = all(part.lstrip("+-").isdigit() for part in (low, high, *([how] if step else [])))
    if whole and any(part != int(part) for part in parts):
        raise UsageError(
            f"Expected whole numbers for {name}; got {low}..{high}{f':{how}' if how else ''}.",
            hint="Leave out the fractions.",
            code="bad-range",
        )
    if step and (ends[1] - ends[0]) / step > MANY:
        raise _too_many(f"steps of {name}")
    kind = int if whole else float
    return Range(name, kind(ends[0]), kind(ends[1]), whole, log, kind(step) if step else None)


def _step(text: str) -> float | None:
    found = float(text) if re.fullmatch(_NUMBER, text) else 0.0
    return found if found > 0 else None


def _split(text: str) -> list[str]:
    """At commas outside of brackets; one pair of brackets around a text with commas is dropped.

    >>> _split("16, 32"), _split("[100],[200,100]"), _split("")
    (['16', '32'], ['100', '200,100'], [])
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{(") - (letter in ")}]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    stripped = [part.strip() for part in parts]
    return [_unbracketed(part) for part in stripped] if any(stripped) else []


def _unbracketed(part: str) -> str:
    return part[1:-1].strip() if part.startswith("[") and part.endswith("]") else part


def count(parameters: Sequence[Parameter]) -> int | None:
    """How many combinations there are; None where a range has a number between any two.

    >>> count([Choices("a", (1, 2), (1, 2)), Range("b", 1, 3, whole=True)])
    6
    """
    sizes = [parameter.size for parameter in parameters]
    return None if None in sizes else math.prod(size for size in sizes if size)


def points(parameters: Sequence[Parameter]) -> Iterator[dict[str, Label]]:
    """Every combination, the last parameter changing fastest.

    Raises `UsageError` for a range without steps, or more than 2,000 combinations.
    """
    grids = [parameter.grid() for parameter in parameters]
    if math.prod(map(len, grids)) > MANY:
        raise _too_many("combinations")
    names = [parameter.name for parameter in parameters]
    return (dict(zip(names, point, strict=True)) for point in itertools.product(*grids))


def _too_many(what: str) -> UsageError:
    return UsageError(
        f"Expected at most {MANY:,} {what}; got more.",
        hint="Use fewer values, or --search random with --trials.",
        code="grid-too-large",
    )


def to_json(parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    """A form that JSON has."""
    plain: list[dict[str, Any]] = json.loads(json.dumps([asdict(p) for p in parameters]))
    return plain


def from_json(values: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """The parameters that `to_json` was given."""
    return tuple(
        Choices(each["name"], tuple(each["labels"]), tuple(each["values"]))
        if "labels" in each
        else Range(**each)
        for each in values
    )
