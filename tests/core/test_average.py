"""Averaged weights: the mean that is promised, validated and kept, beside an unchanged training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_tiny import phase, same, training, two_phases, weights
from torch import Tensor

from latens.data.batches import Batch
from latens.nn.model import Model
from latens.objectives._step import Objective, Step
from latens.train import loop
from latens.train.records import EpochRecord, StepRecord

BOTH = ("encoder", "decoder")
Weights = dict[str, Tensor]


@pytest.fixture(autouse=True)
def show_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SHOW_SECONDS", -1.0)


class Seeing:
    """An objective and observer that remembers the weights after each step and in validation."""

    metric = "mse"

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.model: Model | None = None
        self.plain: list[Weights] = []
        self.validated: list[Weights] = []

    def step(self, model: Model, batch: Batch) -> Step:
        self.model = model
        if not model.training:
            self.validated.append(weights(model))
        return self.objective.step(model, batch)

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        return self.objective.score(values)

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        assert self.model is not None
        if isinstance(record, StepRecord):
            self.plain.append(weights(self.model))


def seen(phases: Any = None, kind: str = "reconstruct", **spec: Any) -> tuple[Seeing, Weights]:
    """What there was to see in a training, and the weights that it ended with."""
    t = training(kind, phases or (phase(BOTH, epochs=3),), **spec)
    seeing = Seeing(t.objective)
    t.objective, t.observers = seeing, (seeing,)
    loop.fit(t)
    return seeing, weights(t.model)


@pytest.mark.parametrize("decay", [0.3, 0.9, 0.9999])
def test_what_is_validated_is_the_running_mean(decay: float) -> None:
    start = weights(training("reconstruct", ()).model)
    seeing, _ = seen(average=decay)
    mean = {name: value.double() for name, value in start.items()}
    for number, plain in enumerate(seeing.plain, 1):
        share = min(decay, (1 + number) / (10 + number))
        mean = {name: share * mean[name] + (1 - share) * plain[name].double() for name in mean}
        if number % 3 == 0:
            for name, value in seeing.validated[number // 3 - 1].items():
                if value.is_floating_point():
                    assert torch.allclose(value.double(), mean[name], atol=1e-6), name
    assert len(seeing.plain) == 9 and len(seeing.validated) == 3


@pytest.mark.parametrize("keep", ["best", "last"])
def test_training_goes_on_from_the_plain_weights_and_keeps_the_means(keep: str) -> None:
    plain, _ = seen(keep=keep)
    averaged, kept = seen(average=0.9, keep=keep)
    for one, other in zip(plain.plain, averaged.plain, strict=True):
        assert same(one, other)
    assert not same(plain.validated[-1], averaged.validated[-1])
    assert any(same(kept, each) for each in averaged.validated)
    if keep == "last":
        assert same(kept, averaged.validated[-1])


def test_the_next_phase_starts_from_the_means_and_averages_anew() -> None:
    both, _ = seen(two_phases("reconstruct"), average=0.9, keep="last")
    first, kept = seen(two_phases("reconstruct")[:1], average=0.9, keep="last")
    assert same(kept, both.validated[1])
    again = training("reconstruct", two_phases("reconstruct")[1:], average=0.9, keep="last")
    again.model.load_state_dict(kept)
    loop.fit(again)
    assert len(first.plain) == 6
    assert not same(weights(again.model), both.validated[1])


def test_a_frozen_encoder_is_not_averaged_away() -> None:
    start = weights(training("classify", ()).model.encoder)
    seeing, kept = seen(two_phases("classify")[:1], kind="classify", average=0.9)
    assert all(torch.equal(kept[f"encoder.{name}"], value) for name, value in start.items())
    assert len(seeing.validated) == 2


def test_a_long_average_does_not_cling_to_the_start() -> None:
    """The decay warms up, so that even 0.9999 leaves the random start within some steps."""
    seeing, kept = seen((phase(BOTH, epochs=8, schedule="constant"),), average=0.9999, keep="last")
    start = weights(training("reconstruct", ()).model)
    name = "encoder.0.weight" if "encoder.0.weight" in kept else next(iter(kept))
    whole = (seeing.plain[-1][name] - start[name]).norm()
    assert (kept[name] - seeing.plain[-1][name]).norm() < 0.5 * whole
