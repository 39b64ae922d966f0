"""What a sweep was asked, and what each of its trainings is asked for the values of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from latens.app import classify, pretrain, settings
from latens.data.image_set import ImageSet
from latens.progress import Progress, silent
from latens.search import judging, space
from latens.search.space import Label, Parameter
from latens.spec import RunSpec, Spec

Task = Literal["pretrain", "classify"]
Goal = Literal["minimize", "maximize"]
BUNDLES = {"pretrain": settings.PretrainOptions, "classify": settings.ClassifyOptions}
READING = ("size", "channels", "keep", "labels", "val_fraction")  # decide which images are read


class SweepSpec(Spec):
    """Everything that a sweep was asked to do, and the fingerprint of its images.

    `fixed` are keyword arguments of every training, `parameters` what differs. `score` is the
    metric of validation that is to be small or large (`goal`); `heartbeat` is in seconds.
    `base` is a point that can be trained, whose images have the `fingerprint`.
    """

    version: Literal[1] = 1
    task: Literal["sweep"] = "sweep"
    trains: Task
    data: dict[str, str]
    fixed: dict[str, Any]
    parameters: list[dict[str, Any]]
    search: judging.Search
    trials: Annotated[int, Field(ge=1)]
    seed: int
    prune: judging.Prune
    score: str
    goal: Goal
    heartbeat: Annotated[int, Field(ge=1)]
    base: dict[str, Any]
    fingerprint: str

    @property
    def space(self) -> tuple[Parameter, ...]:
        """The parameters with their values."""
        return space.from_json(self.parameters)

    @property
    def reads_differently(self) -> bool:
        """Whether trials differ in the images that they are given."""
        names = {parameter.name for parameter in self.space}
        return bool(names & {*READING}) or any(name.startswith("data.") for name in names)


def arguments(fixed: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a training: the fixed ones, and the values of one trial."""
    fields = {name: value for name, value in values.items() if "." in name}
    named = {name: value for name, value in values.items() if "." not in name}
    overrides = {**fixed.get("overrides", {}), **fields}
    return {**fixed, **named, **({"overrides": overrides} if overrides else {})}


def values_of(parameters: Sequence[Parameter], labels: Mapping[str, Label]) -> dict[str, Any]:
    """What a training is given for the labels of a point."""
    return {p.name: p.value(labels[p.name]) for p in parameters}


def planned(
    data: Any, trains: Task, asked: Mapping[str, Any], progress: Progress
) -> tuple[RunSpec, ImageSet]:
    """What one training would be, and its images."""
    if trains == "pretrain":
        return pretrain.planned(data, progress=progress, **asked)
    return classify.planned(data, progress=progress, **asked)


def images_of(spec: SweepSpec, data: Any, progress: Progress = silent) -> ImageSet:
    """The images of the spec's base point, read on this machine."""
    asked = arguments(spec.fixed, values_of(spec.space, spec.base))
    return planned(data, spec.trains, asked, progress)[1]
