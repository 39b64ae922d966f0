"""What a study is made of. No torch here, so that listing studies is quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy.typing as npt

Scale: TypeAlias = Literal["smoke", "quick", "full"]
SCALES: tuple[Scale, ...] = ("smoke", "quick", "full")
Options: TypeAlias = Mapping[str, Any]
Result: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]
T = TypeVar("T")


@dataclass(frozen=True)
class Arm:
    """One way of doing it: a training that is repeated over the seeds.

    Attributes:
        name: what tables call it; unique in its study.
        task: "pretrain" or "classify".
        options: keyword arguments of `latens.pretrain` or `latens.classify`.
        encoder: the name of the arm whose encoder a classifier reuses.
        group: the heading under which tables show it.
        data: other images than the study's.
        through: the name of an autoencoder arm; a classifier is trained on images that were
            corrupted as that one was and given back by it.
        seeds: at most so many repetitions, for arms that only illustrate; None for all.
        test_too: pretend that there is no official test part, as some reports did; the field
            `data.test_fraction` says how little of everything is held out.
    """

    name: str
    task: Literal["pretrain", "classify"]
    options: Options = field(default_factory=dict)
    encoder: str | None = None
    group: str = ""
    data: str | None = None
    through: str | None = None
    seeds: int | None = None
    test_too: bool = False


@dataclass(frozen=True)
class Contrast:
    """Two arms to be told apart; a positive difference says that `arm` is the better one."""

    arm: str
    control: str


@dataclass(frozen=True)
class Plan:
    """The arms, and which of them are compared."""

    arms: Sequence[Arm]
    contrasts: Sequence[Contrast] = ()


@dataclass(frozen=True)
class Reported:
    """A number as a report gives it, in the unit of the study's metric or in words."""

    what: str
    value: str
    ours: str | None = None  # the arm that answers it


class Bench(Protocol):
    """What a study's `measure` may use: the finished trainings of all arms and seeds."""

    seeds: Sequence[int]
    scale: Scale

    def opened(self, arm: str, seed: int) -> Any:
        """A finished training: `.model`, `.images`, `.split`, `.device`, `.run`, `.spec`."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far it is."""


Chosen: TypeAlias = Mapping[str, float]
"""Mean validation score so far, by arm; larger is better (errors are negative)."""


@dataclass(frozen=True)
class Study:
    """A question and how it is answered.

    Attributes:
        question: one sentence.
        source: which report asked it.
        data: the images, by name; the smoke scale takes scikit-learn's digits instead.
        metric: "accuracy" or "mse", of the arms that answer the question.
        plan: the arms at a scale, given the validation scores of arms that are done. It is asked
            again after each round until it has no new arm: a later round may build on the best
            of an earlier one.
        seeds: how many, at each scale.
        reported: the report's own numbers.
        remarks: what a reader of the report should know, in plain words.
        measure: more results from the finished trainings, by name.
        minutes: about how long quick takes on 2 cores.
    """

    question: str
    source: str
    data: str
    metric: Literal["accuracy", "mse"]
    plan: Callable[[Scale, Chosen], Plan]
    seeds: Mapping[Scale, int]
    reported: Sequence[Reported] = ()
    remarks: Sequence[str] = ()
    measure: Callable[[Bench], Mapping[str, Result]] | None = None
    minutes: int = 15


def by_scale(scale: Scale, smoke: T, quick: T, full: T) -> T:
    """The value for this scale."""
    return {"smoke": smoke, "quick": quick, "full": full}[scale]


def best(names: Sequence[str], so_far: Chosen) -> str | None:
    """The one with the best validation score, or None while one of them is not done."""
    if any(name not in so_far for name in names):
        return None
    return max(names, key=lambda name: so_far[name])


def contrasts_with(control: str, arms: Sequence[str]) -> tuple[Contrast, ...]:
    """Each of `arms` against one control."""
    return tuple(Contrast(arm, control) for arm in arms if arm != control)
