"""Turning plain keyword arguments into specs, with one generic override for every field."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from latens import catalog, recipes, recipes_by_name
from latens.app import settings, texts
from latens.data import listed
from latens.errors import UsageError, a, unknown_name
from latens.spec import (
    CLASSIFIES,
    AugmentSpec,
    DataSpec,
    EncoderSpec,
    ObjectiveSpec,
    Optimizer,
    RunSpec,
    Spec,
    checked,
    parse,
)

Overrides = Mapping[str, Any]
Options = dict[str, Any]
ARRAY = "array"  # what a spec calls data that came from a program and not from a place
F = TypeVar("F", bound=Callable[..., Any])


def described(bundle: type) -> Callable[[F], F]:
    """Give a function that takes `**options: Unpack[bundle]` their names, types and help.

    Then `help(...)`, notebooks and editors that look at the running program show all of them.
    """

    def decorate(function: F) -> F:
        known = settings.table(bundle)
        own = [
            p for p in inspect.signature(function).parameters.values() if p.kind != p.VAR_KEYWORD
        ]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, (kind, _) in known.items()
        ]
        function.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        lines = "".join(
            f"        {name}: {_line(setting)}\n" for name, (_, setting) in known.items()
        )
        function.__doc__ = f"{function.__doc__}\n    Options:\n{lines}"
        return function

    return decorate


def _line(setting: settings.Setting) -> str:
    return f"{setting.help}{f' Default: {setting.shown}.' if setting.shown else ''}"


def given(options: Mapping[str, Any], bundle: type) -> Options:
    """The options that were given, those of a recipe among them.

    Raises `UsageError` as `named`, and for an option that the recipe leaves without effect.
    """
    return _with_recipe(named(options, bundle))


def named(options: Mapping[str, Any], bundle: type) -> Options:
    """The options that were given by themselves: those that are None were not.

    Raises `UsageError` for a name that `bundle` does not have, or a value of another type.
    """
    known = settings.table(bundle)
    for name in options:
        if name not in known:
            raise unknown_name("keyword", name, known, meant=settings.ELSEWHERE)
    found = {
        name: checked(name, known[name][0], value)
        for name, value in options.items()
        if value is not None
    }
    if isinstance(found.get("size"), int):
        found["size"] = (found["size"], found["size"])
    return found


def _with_recipe(found: Options) -> Options:
    """The options of the recipe, if one is named, under those that were given.

    Its overrides become the `base`, over which whatever was given has its say.

    Raises `UsageError` for an option of a network where the recipe names each of its layers.
    """
    name = found.pop("recipe", None)
    if name is None:
        return found
    recipe = dict({**recipes_by_name.PRETRAIN, **recipes_by_name.CLASSIFY}[name])
    base = recipe.pop("overrides", {})
    networks = settings.table(settings.NetworkOptions)
    shadowed = [option for option, (_, its) in networks.items() if option in found and not its.at]
    if "encoder" in base and shadowed:
        field = "latent=16" if shadowed[0] == "latent" else "activation=elu"
        raise UsageError(
            f"Expected {name} with its own network; got --{shadowed[0].replace('_', '-')}.",
            hint=f"Leave it out, or change a field of that network, as --set encoder.{field}.",
            code="without-effect",
        )
    return {**recipe, **found, "base": base, "recipe": name}


def data_spec(data: Any, options: Options, **more: Any) -> DataSpec:
    """Which images are asked for; paths are stored absolute so that a resume finds them."""
    fields = {n.removeprefix("data."): v for n, v in _placed(options, settings.DataOptions).items()}
    changed = {
        name.removeprefix("data."): as_json(value)
        for name, value in options.get("overrides", {}).items()
        if name.startswith("data.") and name.removeprefix("data.") in DataSpec.model_fields
    }
    return parse(DataSpec, {"source": source_name(data), **fields, **more, **changed})


def learning_rate(
    options: Options, default: Optimizer, usual: Mapping[str, float] = recipes.RATES
) -> float:
    """The peak learning rate that was asked for, or the `usual` one of the optimiser."""
    optimizer = options.get("optimizer", default)
    if optimizer not in usual:
        raise unknown_name("optimizer", optimizer, usual)
    return float(options.get("learning_rate", usual[optimizer]))


def source_name(data: Any) -> str:
    """What a spec calls the data: a name, an absolute path, or "array"."""
    if not isinstance(data, str | Path):
        return ARRAY
    if listed.files(data):
        return listed.absolute(str(data))
    return str(Path(data).resolve()) if Path(data).exists() else str(data)


def effects(
    value: settings.Effects | bool, kind: str, usual: Sequence[AugmentSpec] = ()
) -> list[dict[str, Any]]:
    """Augmentations or corruptions (`kind`) as values of their specs; of True the `usual` ones.

    Raises `UsageError` for a name that there is not, or one of the other kind.
    """
    found = [_effect(part) for part in _parts(value, usual)]
    kinds = {name: catalog.load("corrupt", name).KIND for name in catalog.names("corrupt")}
    for effect in found:
        effect["name"] = name = effect["name"].replace("_", "-")
        if name not in kinds:
            raise unknown_name(kind, name, [n for n, its in kinds.items() if its == kind])
        if kinds[name] != kind:
            option = {"corruption": "noise", "augmentation": "augment"}[kinds[name]]
            raise UsageError(
                f"Expected the name of {a(kind)}; {name} is {a(kinds[name])}.",
                hint=f"Use --{option} {name}.",
                code=f"not-{kind}",
            )
        texts.require_strength(effect)
    return found


def _parts(value: settings.Effects | bool, usual: Sequence[AugmentSpec]) -> list[Any]:
    if isinstance(value, bool):
        return list(usual) if value else []
    if isinstance(value, Mapping):
        return [{"name": name, "strength": strength} for name, strength in value.items()]
    whole = texts.effects(value) if isinstance(value, str) else value
    return list(whole)


def _effect(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        (part,) = texts.effects(part)
    if isinstance(part, Spec):
        part = part.model_dump()
    if not isinstance(part, Mapping) or "name" not in part:
        raise UsageError(
            f"Expected names with strengths; got {part!r}.",
            hint='For example "gaussian=0.3", ["flip"] or {"gaussian": (0.1, 0.5)}.',
            code="bad-strength",
        )
    return {key: value for key, value in part.items() if value is not None}


def run_spec(values: dict[str, Any], options: Options, bundle: type) -> RunSpec:
    """A run's spec: `values`, a recipe's base, what the options set, and then their overrides.

    Overrides are such as ``{"encoder.up": "transposed"}``; text is read as JSON where it is JSON,
    so that ``--set encoder.down_after=[1,3]`` works.

    Raises `UsageError` naming the field that is unknown or wrong, or the option that would have no
    effect.
    """
    changed = _overridden(values, options.get("base", {}))
    _refuse_without_effect(changed, options, bundle)
    for field, value in _placed(options, bundle).items():
        _assign(changed, field, value)
    return parse(RunSpec, _overridden(changed, options.get("overrides", {})))


def _overridden(values: dict[str, Any], overrides: Overrides) -> dict[str, Any]:
    changed = parse(RunSpec, values).model_dump(mode="json")
    for field, value in overrides.items():
        _assign(changed, field, as_json(value))
        if "." not in field:  # a whole part, of which the overrides that follow may change a field
            changed = parse(RunSpec, changed).model_dump(mode="json")
    return changed


def _placed(options: Options, bundle: type) -> dict[str, Any]:
    """The fields that the given options set by themselves, and their values."""
    known = settings.table(bundle)
    return {s.at: options[name] for name, (_, s) in known.items() if s.at and name in options}


def _refuse_without_effect(values: dict[str, Any], options: Options, bundle: type) -> None:
    for name, (_, setting) in settings.table(bundle).items():
        room, _, field = (setting.at or setting.needs).partition(".")
        part = values.get(room)
        if name in options and room and isinstance(part, dict) and field not in part:
            raise without_effect([settings.flag(name, setting)], room, part["kind"], field)


def without_effect(flags: list[str], room: str, kind: str, field: str) -> UsageError:
    """The error for options whose field a network or objective of this kind does not have."""
    what = {"encoder": "network", "objective": "objective"}[room]
    kinds = _kinds(room)
    same_task = [k for k in kinds if (k in CLASSIFIES) == (kind in CLASSIFIES)]
    other = " or ".join(k for k in same_task if field in kinds[k])
    return UsageError(
        f"Expected options of the {what} {kind}; got {', '.join(flags)}.",
        hint=f"Leave it out, or use --{what} {other}.",
        code="without-effect",
    )


def _kinds(room: str) -> dict[str, Any]:
    """Every kind of encoder or objective, with its fields."""
    union = {"encoder": EncoderSpec, "objective": ObjectiveSpec}[room]
    specs = get_args(get_args(union)[0])
    return {spec.model_fields["kind"].default: spec.model_fields for spec in specs}


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


def as_json(value: Any) -> Any:
    """Text as the JSON that it is; other text, and other values, as they are."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
