"""The base of all specs, the types of their fields, and how values are validated into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from latens.errors import FieldError, UsageError, in_words, unknown_name

Positive: TypeAlias = Annotated[int, Field(ge=1)]
Fraction: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]
Rate: TypeAlias = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Weight: TypeAlias = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Strength: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]


class Spec(BaseModel):
    """Base of all specs: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=Spec)


def parse(kind: type[S], values: Mapping[str, Any]) -> S:
    """Validate `values` into a spec; a `UsageError` names the first field that is wrong."""
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise _told(error.errors()[0], values) from None


def checked(name: str, kind: Any, value: Any) -> Any:
    """`value` as the type `kind`; a `UsageError` names the keyword `name` if it is none."""
    try:
        return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(
            value
        )
    except ValidationError as error:
        first = error.errors()[0]
        names = _literals(kind)
        if first["type"] == "literal_error" and isinstance(value, str):
            raise unknown_name(name, value, names) from None
        raise FieldError(
            name, in_words(first["type"], first.get("ctx", {})), _short({**first, "input": value})
        ) from None


def _literals(kind: Any) -> list[str]:
    """The texts that a type such as ``Literal["a", "b"] | None`` allows."""
    inner = get_args(kind)
    return [
        text for part in inner for text in ([part] if isinstance(part, str) else _literals(part))
    ]


def _told(first: ErrorDetails, values: Mapping[str, Any]) -> UsageError:
    """What pydantic complains of, in plain words."""
    field, kind = _field(first["loc"], values, missing=first["type"] == "missing"), first["type"]
    if kind == "value_error":  # from a validator above, which names the field itself
        return UsageError(
            f"Expected settings that fit together: {first['msg'].removeprefix('Value error, ')}.",
            hint="Change one of them; 'spec.json' of any run shows how they are written.",
            code="bad-spec",
        )
    context = first.get("ctx", {})
    if kind == "union_tag_invalid":
        return FieldError(f"{field}.kind", in_words(kind, context), repr(context["tag"]))
    return FieldError(field, in_words(kind, context), _short(first))


def _field(place: tuple[int | str, ...], values: Any, *, missing: bool) -> str:
    """The dotted name as people type it: pydantic's place without its names of union members."""
    path: list[str] = []
    for part in place:
        inside_list = isinstance(values, list | tuple) and isinstance(part, int)
        if inside_list or (isinstance(values, Mapping) and part in values):
            values = values[part]
            path.append(str(part))
        elif missing and part == place[-1]:
            path.append(str(part))
    return ".".join(path)


def _short(error: ErrorDetails) -> str:
    """What came, if one can read it at a glance."""
    if error["type"] == "missing":
        return "nothing"
    text = repr(error["input"])
    if len(text) <= 60:
        return text
    return f"a {type(error['input']).__name__} of {len(text)} characters"
