"""Turning plain keyword arguments into specs, with one generic override for every field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from latens import recipes
from latens.errors import UsageError, unknown_name
from latens.spec import Mode, Optimizer, RunSpec, parse

Overrides = Mapping[str, Any]
ARRAY = "array"  # what a spec calls data that came from a program and not from a place


def data_values(
    data: Any,
    *,
    size: tuple[int, int] | None,
    channels: int | None,
    keep: Mapping[str, int] | None,
    labels: int | None,
    val_fraction: float,
    split_seed: int = 0,
) -> dict[str, Any]:
    """The values of a `DataSpec`; paths are stored absolute so that a resume finds them."""
    return {
        "source": source_name(data),
        "size": size,
        "channels": channels,
        "keep": dict(keep or {}),
        "labels": labels,
        "val_fraction": val_fraction,
        "split_seed": split_seed,
    }


def learning_rate(given: float | None, optimizer: Optimizer) -> float:
    """The peak learning rate that was asked for, or the usual one of `optimizer`."""
    if optimizer not in recipes.RATES:
        raise unknown_name("optimizer", optimizer, recipes.RATES)
    return recipes.RATES[optimizer] if given is None else given


def require_modes(modes: Sequence[str], epochs: int | None) -> None:
    """Raise `UsageError` for a mode that there is not, or one that does not fit into `epochs`."""
    known = get_args(Mode)
    for mode in modes:
        if mode not in known:
            raise unknown_name("mode", mode, known)
    if "two-phase" in modes and epochs == 1:
        raise UsageError(
            "Expected at least 2 epochs for the mode two-phase, one a phase; got 1.",
            hint="Use --epochs 2 or more, or another --mode.",
            code="too-few-epochs",
        )


def source_name(data: Any) -> str:
    """What a spec calls the data: a name, an absolute path, or "array"."""
    if not isinstance(data, str | Path):
        return ARRAY
    return str(Path(data).resolve()) if Path(data).exists() else str(data)


def run_spec(values: dict[str, Any], overrides: Overrides | None) -> RunSpec:
    """Validate a run's spec after `overrides`, such as ``{"encoder.up": "transposed"}``.

    Text is read as JSON where it is JSON, so that ``--set encoder.down_after=[1,3]`` works.

    Raises `UsageError` naming the field that is unknown or wrong.
    """
    spec = parse(RunSpec, values)
    if not overrides:
        return spec
    changed = spec.model_dump(mode="json")
    for field, value in overrides.items():
        _assign(changed, field, _as_json(value))
    return parse(RunSpec, changed)


def _assign(values: Any, field: str, value: Any) -> None:
    """Set a dotted field; a number steps into a list, and `phases` alone means every phase."""
    *path, last = field.split(".")
    for part in path:
        if isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        elif isinstance(values, dict) and isinstance(values.get(part), dict | list):
            values = values[part]
        else:
            raise _no_field(field, part, values)
    for target in values if isinstance(values, list) else [values]:
        if last not in target:
            raise _no_field(field, last, target)
        target[last] = value


def _no_field(field: str, part: str, values: Any) -> UsageError:
    known = ", ".join(values) if isinstance(values, dict) else f"0 to {len(values) - 1}"
    return UsageError(
        f"Expected a field of the spec; {field!r} has no {part!r} (there are: {known}).",
        hint="spec.json of any run shows all fields.",
        code="unknown-field",
    )


def _as_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
