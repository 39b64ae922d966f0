"""A sweep is looked at before it begins, so that mistakes are not found out trial by trial."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import optuna

from latens import catalog
from latens.app import options, settings
from latens.app.sweep_spec import BUNDLES, SweepSpec, Task, arguments, planned, values_of
from latens.data.image_set import ImageSet
from latens.errors import FieldError, UsageError, unknown_name
from latens.progress import Progress, silent
from latens.search import judging, space
from latens.search.space import Label, Parameter
from latens.spec import RunSpec, parse

TRIALS = 20
LOOKS = 60  # points that are looked at before a search whose trials cannot be made is refused


def settle(
    data: Any,
    space_: tuple[Parameter, ...],
    fixed: dict[str, Any],
    *,
    trains: Task,
    search: judging.Search,
    trials: int | None,
    prune: judging.Prune | None,
    score: str | None,
    heartbeat: int,
    progress: Progress = silent,
) -> tuple[SweepSpec, ImageSet]:
    """The spec of a sweep, after a look at all of its values; and its images.

    Raises `UsageError` for what cannot be meant: a value that is out of range by itself, or values
    of which no combination can be trained. `DataError` for unusable images.
    """
    _refuse_twice(space_, fixed, trains)
    count, seed = _count(space_, search, trials), int(fixed.get("seed") or 0)
    base, spec, images = _first_possible(data, space_, fixed, trains, search, seed, progress)
    _look_at_each(images, space_, fixed, trains, base)
    metric = score or _metric(spec, space_)
    values = {
        "trains": trains,
        "data": {"source": options.source_name(data)},
        "fixed": json.loads(json.dumps(fixed, default=str)),
        "parameters": space.to_json(space_),
        "search": search,
        "trials": count,
        "seed": seed,
        "prune": prune or ("none" if search == "grid" else "median"),
        "score": metric,
        "goal": "maximize" if metric == "accuracy" else "minimize",
        "heartbeat": heartbeat,
        "base": base,
        "fingerprint": images.fingerprint,
    }
    return parse(SweepSpec, values), images


def _first_possible(
    data: Any,
    space_: tuple[Parameter, ...],
    fixed: Mapping[str, Any],
    trains: Task,
    search: judging.Search,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Label], RunSpec, ImageSet]:
    """The first point that can be trained; the first error if none can."""
    first: UsageError | None = None
    for labels in itertools.islice(_points(space_, search, seed), LOOKS):
        asked = arguments(fixed, values_of(space_, labels))
        try:
            return labels, *planned(data, trains, asked, progress)
        except UsageError as error:
            first = first or error
    assert first is not None
    raise first


def _look_at_each(
    images: ImageSet,
    space_: tuple[Parameter, ...],
    fixed: Mapping[str, Any],
    trains: Task,
    base: Mapping[str, Label],
) -> None:
    """Raise `UsageError` for a value that is out of range whatever the others are."""
    kept = {name: value for name, value in fixed.items() if name != "keep"}  # they are thinned
    for parameter in space_:
        for label in parameter.ends():
            asked = arguments(kept, values_of(space_, {**base, parameter.name: label}))
            try:
                planned(images, trains, asked, silent)
            except FieldError as error:
                hint = f"Change the values to try for {parameter.name}."
                raise error.named(parameter.name, hint) from None
            except UsageError:  # it does not go with others: a failed trial, if it comes up
                continue


def _points(
    space_: tuple[Parameter, ...], search: judging.Search, seed: int
) -> Iterator[dict[str, Label]]:
    """Points as the search will propose them, or would without results."""
    if search == "grid":
        yield from space.points(space_)
        return
    for place in itertools.count():
        study = optuna.create_study(sampler=judging.sampler("random", seed, str(place)))
        trial = study.ask()
        yield {parameter.name: parameter.suggest(trial) for parameter in space_}


def _refuse_twice(parameters: tuple[Parameter, ...], fixed: dict[str, Any], task: Task) -> None:
    """Raise `UsageError` where a field is fixed and searched over, or searched over twice."""
    table = settings.table(BUNDLES[task])
    places = {name: setting.at for name, (_, setting) in table.items() if setting.at}
    taken = {name for name, value in fixed.items() if value is not None}
    taken |= {*fixed.get("overrides", {}), *(places[name] for name in taken if name in places)}
    for parameter in parameters:
        names = {parameter.name, places.get(parameter.name, parameter.name)}
        if names & taken:
            raise UsageError(
                f"Expected {parameter.name} once, fixed or to be searched over; got both.",
                hint=f"Leave out the option, or --param {parameter.name}.",
                code="given-twice",
            )
        taken |= names


def _count(parameters: tuple[Parameter, ...], search: judging.Search, trials: int | None) -> int:
    if search not in get_args(judging.Search):
        raise unknown_name("search", search, get_args(judging.Search))
    if trials is not None and trials < 1:
        raise UsageError(
            f"Expected at least one trial; got {trials}.", hint="Use --trials 20.",
            code="too-few-trials",
        )  # fmt: skip
    if search != "grid":
        return trials or TRIALS
    count = len([*space.points(parameters)])
    if trials not in (None, count):
        raise UsageError(
            f"Expected no --trials with --search grid, which tries all {count} combinations; "
            f"got {trials}.",
            hint=f"Leave it out, or use --search random --trials {trials}.",
            code="without-effect",
        )
    return count


def _metric(base: RunSpec, parameters: tuple[Parameter, ...]) -> str:
    """What trials are judged by: the metric of their objective, if they have one in common."""
    found = next((p for p in parameters if p.name in ("objective", "objective.kind")), None)
    kinds = [base.objective.kind] if found is None else [str(kind) for kind in found.ends()]
    metrics = {str(catalog.load("objectives", kind).build.metric) for kind in kinds}
    return metrics.pop() if len(metrics) == 1 else "mse"
