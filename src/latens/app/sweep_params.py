"""The parameters of a sweep from what was typed: each value of the type that its option has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from latens import choices
from latens.app import options, settings, texts
from latens.app.sweep_spec import BUNDLES, Task
from latens.errors import FieldError, UsageError, unknown_name
from latens.search import space
from latens.search.space import Parameter
from latens.spec import checked

Texts = Mapping[str, str | Sequence[Any]]
"""Values to try by name: text as on the command line, or a list of values."""

_OWN: dict[str, tuple[Any, settings.Setting]] = {
    "encoder": (str | None, settings.Setting("The run whose encoder is reused.")),
    "mode": (choices.Mode | None, settings.Setting("How to reuse it.")),
    "labels": (int | None, settings.Setting("Labelled images.", read=texts.labels)),
}


def parameters(given: Texts, task: Task) -> tuple[Parameter, ...]:
    """The parameters of a search, each value of the type that its option has.

    Raises `UsageError` for an unknown name, a wrong value, or nothing to try.
    """
    if not given:
        raise UsageError(
            "Expected something to search over; got no parameters.",
            hint="For example --param learning_rate=1e-4..1e-2:log --param filters=16,32.",
            code="empty-grid",
        )
    return tuple(_parameter(name, values, task) for name, values in given.items())


def _parameter(name: str, values: str | Sequence[Any], task: Task) -> Parameter:
    name = name if "." in name else name.replace("-", "_")
    kind, setting = (Any, settings.Setting("")) if "." in name else known(name, task)
    read = _reader(name, kind, setting)
    if isinstance(values, str):
        return space.parse(name, values, read, whole=_whole(kind))
    found = [_plain(name, each if "." in name else checked(name, kind, each)) for each in values]
    return space.choices(name, [json.dumps(each) for each in found], found)


def known(name: str, task: Task) -> tuple[Any, settings.Setting]:
    """The type of an option, and what there is to say about it."""
    every = {**settings.table(BUNDLES[task]), **(_OWN if task == "classify" else {})}
    every.pop("overrides")
    if name not in every:
        error = unknown_name("parameter", name, every, meant=settings.ELSEWHERE)
        near = error.hint if "mean" in error.hint else f"'latens {task} --help' lists them all."
        raise UsageError(
            error.message,
            hint=f"{near} A field of the spec has dots, as encoder.up.",
            code=error.code,
        )
    return every[name]


def _plain(name: str, value: Any) -> Any:
    """The value as JSON has it, because workers read it from the queue."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        raise UsageError(
            f"Expected values for {name} that JSON has; got {type(value).__name__}.",
            hint="Use text, numbers, true and false, lists and mappings of them.",
            code="bad-param",
        ) from None


def _reader(name: str, kind: Any, setting: settings.Setting) -> Any:
    """How the text of one value becomes the value."""

    def read(text: str) -> Any:
        if kind is Any:
            return options.as_json(text)
        if name == "encoder":
            return str(Path(text).absolute())
        value = checked(name, kind, setting.read(text) if setting.read else text)
        _require_bounds(name, value, setting)
        return value

    return read


def _require_bounds(name: str, value: Any, setting: settings.Setting) -> None:
    if not isinstance(value, int | float):
        return
    if setting.least is not None and value < setting.least:
        raise FieldError(name, f"at least {setting.least:g}", f"{value:g}")
    if setting.most is not None and value > setting.most:
        raise FieldError(name, f"at most {setting.most:g}", f"{value:g}")


def _whole(kind: Any) -> bool | None:
    """Whether a range is of whole numbers, by the option's type; None where it has no say."""
    kinds = set(get_args(kind)) - {NoneType} or {kind}
    if kinds <= {int, float} and kinds:
        return kinds == {int}
    return None
