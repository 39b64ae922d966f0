"""What the loop promises: stopping, keeping, freezing, telling, and errors in one sentence."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from core_tiny import (
    CPU,
    KillAt,
    Killed,
    digits,
    new_run,
    phase,
    same,
    training,
    two_phases,
    weights,
    whole_model,
)

from latens.data.batches import Batch
from latens.errors import Interrupted, TrainingError, UsageError
from latens.nn.model import Model
from latens.objectives._step import Objective, Step
from latens.spec import ConvSpec, TrainSpec
from latens.train import checkpoint, loop
from latens.train.device import place, tiny_is_zero
from latens.train.loop import fit
from latens.train.records import STOP, EpochRecord, StepRecord

BOTH = ("encoder", "decoder")


@pytest.fixture
def show_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SHOW_SECONDS", -1.0)


@pytest.fixture
def save_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)


class Scripted:
    """An objective whose verdicts on the epochs are given beforehand."""

    metric = "mse"

    def __init__(self, objective: Objective, *scores: float) -> None:
        self.objective, self.scores = objective, iter(scores)

    def step(self, model: Model, batch: Batch) -> Step:
        return self.objective.step(model, batch)

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        return (next(self.scores),)


class Watching:
    """An observer that remembers the records and the weights at the end of each epoch."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.records: list[StepRecord | EpochRecord] = []
        self.weights: list[dict[str, torch.Tensor]] = []

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        self.records.append(record)
        if isinstance(record, EpochRecord):
            self.weights.append(weights(self.model))

    @property
    def epochs(self) -> list[EpochRecord]:
        return [r for r in self.records if isinstance(r, EpochRecord)]


def watched(phases: Any, *scores: float, kind: str = "reconstruct", **spec: Any) -> Any:
    t = training(kind, phases, **spec)
    watching = Watching(t.model)
    t.observers = (*t.observers, watching)
    if scores:
        t.objective = Scripted(t.objective, *scores)
    return t, watching


def test_early_stopping_stops_and_keeps_the_best() -> None:
    t, seen = watched((phase(BOTH, epochs=9),), 1, 3, 2, 3, 9, early_stopping=2)
    fit(t)
    assert [r.epoch for r in seen.epochs] == [1, 2, 3, 4]  # an equal score is not a better one
    assert same(weights(t.model), seen.weights[1])


def test_a_better_epoch_resets_the_patience() -> None:
    t, seen = watched((phase(BOTH, epochs=6),), 1, 0, 2, 1, 3, 2, early_stopping=2)
    fit(t)
    assert len(seen.epochs) == 6
    assert same(weights(t.model), seen.weights[4])


def test_keeping_the_last_keeps_the_last() -> None:
    t, seen = watched((phase(BOTH, epochs=3),), 3, 2, 1, keep="last")
    fit(t)
    assert same(weights(t.model), seen.weights[2])


def test_a_phase_begins_from_the_best_of_the_one_before() -> None:
    t, seen = watched(two_phases("reconstruct"), 2, 1, 2, 3)
    fit(t)
    assert [(r.phase, r.epoch) for r in seen.epochs] == [
        ("head", 1), ("head", 2), ("all", 1), ("all", 2)
    ]  # fmt: skip
    alone, _ = watched((two_phases("reconstruct")[0],), 2, 1)
    fit(alone)
    assert same(weights(alone.model), seen.weights[0])


def test_the_best_of_one_phase_is_not_a_bar_for_the_next() -> None:
    t, seen = watched(two_phases("reconstruct"), 9, 8, 2, 1)
    fit(t)
    assert same(weights(t.model), seen.weights[2])


class Spying:
    """An objective that remembers every batch it was given, and counts the labels as a metric."""

    metric = "mse"

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.batches: list[Batch] = []

    def step(self, model: Model, batch: Batch) -> Step:
        if model.training:
            self.batches.append(batch)
        assert batch.labels is not None
        loss, sums = self.objective.step(model, batch)
        return Step(loss, {**sums, "label": (batch.labels.sum(), len(batch))})

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        return self.objective.score(values)


def spied(**changes: Any) -> tuple[Spying, list[EpochRecord]]:
    t, seen = watched(two_phases("reconstruct"), **changes)
    t.objective = Spying(t.objective)
    fit(t)
    return t.objective, seen.epochs


def test_every_epoch_of_every_phase_has_an_order_of_its_own() -> None:
    spy, _ = spied()
    labels = [tuple(batch.labels.tolist()) for batch in spy.batches if batch.labels is not None]
    epochs = [sum(labels[first : first + 3], ()) for first in range(0, 12, 3)]
    assert len(set(epochs)) == 4
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1


def test_every_step_of_every_epoch_is_augmented_anew() -> None:
    """All training images are the same one here, so that batches differ by augmentation alone."""
    t, _ = watched(two_phases("reconstruct"), augment=({"name": "affine"},))
    t.objective = Spying(t.objective)
    t.batches.index = torch.zeros(32, dtype=torch.int64)
    fit(t)
    seen = [batch.images for batch in t.objective.batches]
    assert len(seen) == 8
    assert not any(torch.equal(a, b) for a, b in combinations(seen, 2))


def test_metrics_are_means_over_all_images_of_the_epoch() -> None:
    labels = digits().labels
    assert labels is not None
    for record in spied()[1]:
        assert record.train["label"] == pytest.approx(labels[:34].mean(), rel=1e-12)
        assert record.val["label"] == pytest.approx(labels[34:50].mean(), rel=1e-12)


def test_epochs_without_validation_are_merged_into_the_next_record() -> None:
    each, merged = (
        watched((phase(BOTH, epochs=4),), validate_every=every, keep="last") for every in (1, 2)
    )
    for t, _ in (each, merged):
        fit(t)
    one, two = ([r.train["mse"] for r in seen.epochs] for _, seen in (each, merged))
    assert two == pytest.approx([(one[0] + one[1]) / 2, (one[2] + one[3]) / 2], rel=1e-9)


@pytest.mark.parametrize("every, expected", [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_validation_comes_every_so_many_epochs_and_at_the_end(every: int, expected: Any) -> None:
    t, seen = watched((phase(BOTH, epochs=5),), validate_every=every)
    fit(t)
    assert [r.epoch for r in seen.epochs] == expected


def test_a_plateau_lowers_the_rate_after_three_validations_without_a_better_score() -> None:
    scores = (5, 4, 6, 4, 6, 5, 7, 6, 6, 6, 6, 6)
    slow = phase(BOTH, epochs=12, schedule="plateau", learning_rate=0.01)
    t, seen = watched((slow,), *scores)
    fit(t)
    drops = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2]  # an equal score is not a better one
    rates = [r.learning_rate for r in seen.epochs]
    assert rates == pytest.approx([0.01 * 0.3**drop for drop in drops], rel=1e-12)


def test_each_phase_begins_with_its_full_rate() -> None:
    phases = two_phases("reconstruct", epochs=5, schedule="plateau", learning_rate=0.01)
    t, seen = watched(phases, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1)
    fit(t)
    rates = [r.learning_rate for r in seen.epochs]
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.01, 0.003] * 2)


def test_a_batch_size_that_grows(show_each_step: None) -> None:
    """34 images: 4 a batch, then 8, then 16; the last batches hold 2."""
    growing = {"batch_size": 4, "double_batch_every": 2, "largest_batch": 16}
    t, seen = watched((phase(BOTH, epochs=7, schedule="cosine"),), keep="last", **growing)
    t.objective = Spying(t.objective)
    fit(t)
    sizes = [len(batch) for batch in t.objective.batches]
    four, eight, sixteen = [4] * 8 + [2], [8] * 4 + [2], [16, 16, 2]
    assert sizes == four * 2 + eight * 2 + sixteen * 3
    steps = [r for r in seen.records if isinstance(r, StepRecord)]
    assert [(r.step, r.steps) for r in steps if r.epoch == 3] == [(n, 5) for n in range(1, 6)]
    assert {r.epoch: r.steps for r in steps} == {1: 9, 2: 9, 3: 5, 4: 5, 5: 3, 6: 3, 7: 3}
    assert [r.step for r in seen.epochs] == [9, 18, 23, 28, 31, 34, 37]


def test_the_schedule_follows_the_images_and_not_the_steps() -> None:
    """At the same share of an epoch the rate is that of a batch size which does not grow."""
    cosine = (phase(BOTH, epochs=4, schedule="cosine"),)
    t, seen = watched(cosine, batch_size=2, double_batch_every=1, largest_batch=4, images=(0, 32))
    fit(t)
    plain, seen_plain = watched(cosine, batch_size=4, images=(0, 32))
    fit(plain)
    rates, expected = ([r.learning_rate for r in each.epochs] for each in (seen, seen_plain))
    assert rates[1:] == pytest.approx(expected[1:], rel=1e-12)
    assert rates[0] != expected[0]


@pytest.mark.parametrize("largest", [1, 16, 20])
def test_batches_never_shrink_and_stop_at_the_largest(largest: int) -> None:
    t = training("reconstruct", (phase(BOTH),), double_batch_every=1, largest_batch=largest)
    assert [t.batch_size(epoch) for epoch in (0, 1, 2, 99)] == [16] + [max(16, largest)] * 3


@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("optimizer", ["adam", "muon", "sgd"])
def test_a_penalty_trains_as_if_it_stood_in_the_loss(optimizer: str, penalty: str) -> None:
    changes = {"optimizer": optimizer, "epochs": 1, "learning_rate": 1e-3}
    by_hand = training("reconstruct", (phase(BOTH, **changes),))
    by_hand.objective = Penalised(by_hand.objective, penalty, 0.01)
    given = training("reconstruct", (phase(BOTH, **changes, **{penalty: 0.01}),))
    without = training("reconstruct", (phase(BOTH, **changes),))
    for t in (by_hand, given, without):
        fit(t)
    one, two, three = (weights(t.model) for t in (by_hand, given, without))
    assert all(torch.allclose(one[n].double(), two[n].double(), atol=2e-5) for n in one)
    assert not same(two, three)


class Penalised:
    """An objective with the penalty of kernels and matrices in its loss."""

    metric = "mse"

    def __init__(self, objective: Objective, penalty: str, factor: float) -> None:
        self.objective, self.penalty, self.factor = objective, penalty, factor
        self.score = objective.score

    def step(self, model: Model, batch: Batch) -> Step:
        loss, sums = self.objective.step(model, batch)
        moving = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
        one = [p.abs().sum() if self.penalty == "l1" else p.square().sum() for p in moving]
        return Step(loss + self.factor * torch.stack(one).sum(), sums)


class Drawing:
    """An objective that draws from torch's generator, and remembers what it drew to validate."""

    metric = "mse"

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.score = objective.score
        self.drawn: list[float] = []

    def step(self, model: Model, batch: Batch) -> Step:
        noise = torch.rand_like(batch.images)
        if not model.training:
            self.drawn.append(float(noise.double().sum()))
        noisy = Batch(torch.maximum(batch.images, noise), batch.labels)
        return self.objective.step(model, noisy)


def test_every_validation_draws_the_same_for_each_batch() -> None:
    t = training("reconstruct", (phase(BOTH, epochs=3),), validation=(30, 64))
    t.objective = drawing = Drawing(t.objective)
    fit(t)
    again = loop.validate(t)
    assert len(drawn := drawing.drawn) == 4 * 3
    assert drawn[:3] * 4 == drawn
    assert len(set(drawn[:3])) == 3
    assert again == loop.validate(t)


def test_a_validation_leaves_the_callers_random_state() -> None:
    t = training("reconstruct", (phase(BOTH),))
    t.objective = Drawing(t.objective)
    state = torch.get_rng_state()
    loop.validate(t)
    assert torch.equal(state, torch.get_rng_state())


def test_how_often_it_validates_does_not_change_the_training() -> None:
    ends = []
    for every in (1, 3):
        t = training("reconstruct", (phase(BOTH, epochs=3),), validate_every=every, keep="last")
        t.objective = Drawing(t.objective)
        fit(t)
        ends.append(weights(t.model))
    assert same(*ends)


@pytest.mark.parametrize("kind", ["reconstruct", "classify"])
def test_a_frozen_encoder_stays_as_it_is(kind: str) -> None:
    """Its weights, and the running statistics of its batch normalisation."""
    head = two_phases(kind, learning_rate=0.1, optimizer="adamw", weight_decay=0.1)[0]
    t = training(kind, (head,), augment=({"name": "affine"},))
    encoder, rest = weights(t.model.encoder), weights(t.model)
    assert any("running_mean" in name for name in encoder)
    fit(t)
    assert same(weights(t.model.encoder), encoder)
    assert not same(weights(t.model), rest)


def test_an_encoder_that_moves_moves() -> None:
    t = training("reconstruct", (phase(BOTH),))
    before = weights(t.model.encoder)
    fit(t)
    after = weights(t.model.encoder)
    assert all(not torch.equal(before[n], after[n]) for n in before if before[n].numel() > 1)


def test_records_say_where_the_training_stands(show_each_step: None, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    t, seen = watched(two_phases("classify"), kind="classify", run=run)
    fit(t)
    steps = [r for r in seen.records if isinstance(r, StepRecord)]
    assert [(r.phase, r.epoch, r.step) for r in steps] == [
        (name, epoch, step) for name in ("head", "all") for epoch in (1, 2) for step in (1, 2, 3)
    ]
    assert {(r.phases, r.epochs, r.steps) for r in steps} == {(2, 2, 3)}
    assert [r.step for r in seen.epochs] == [3, 6, 9, 12]
    assert all(set(r.train) == set(r.val) == {"loss", "accuracy"} for r in seen.epochs)
    assert [r.to_dict() for r in seen.epochs] == run.metrics()
    times = [r.seconds for r in seen.records]
    assert times == sorted(times) and times[0] > 0
    assert all(r.images_per_second > 0 for r in seen.epochs)


def test_records_are_frozen(show_each_step: None) -> None:
    def meddle(record: StepRecord | EpochRecord) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            record.epoch = 99  # type: ignore[misc]
        kinds.add(type(record))

    kinds: set[type] = set()
    fit(training("reconstruct", (phase(BOTH),), observers=(meddle,)))
    assert kinds == {StepRecord, EpochRecord}


def test_observers_change_nothing(show_each_step: None) -> None:
    quiet, watched_one = (training("reconstruct", (phase(BOTH),)) for _ in range(2))
    watched_one.observers = (lambda record: record.train.clear(), lambda record: torch.rand(3))
    fit(quiet)
    fit(watched_one)
    assert same(weights(quiet.model), weights(watched_one.model))


def test_an_observer_can_stop_after_an_epoch(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    t, seen = watched(two_phases("reconstruct", epochs=5), run=run)
    t.observers = (lambda r: STOP if isinstance(r, EpochRecord) and r.epoch == 2 else None, seen)
    fit(t)
    assert [(r.phase, r.epoch) for r in seen.epochs] == [("head", 1), ("head", 2)]
    fit(training("reconstruct", t.phases, run, observers=(KillAt(0),)))  # it is over: nothing told


def test_an_observer_can_stop_within_an_epoch(show_each_step: None) -> None:
    t, seen = watched((phase(BOTH, epochs=5),))
    t.observers = (lambda r: isinstance(r, StepRecord) and (r.epoch, r.step) == (2, 2), seen)
    fit(t)
    assert [r.step for r in seen.epochs] == [3, 5]
    assert any(same(weights(t.model), each) for each in seen.weights)


@pytest.mark.parametrize("answer", [None, False, 1, "stop", 0.0])
def test_no_other_answer_stops(answer: Any) -> None:
    t, seen = watched((phase(BOTH, epochs=3),))
    t.observers = (lambda record: answer, seen)
    fit(t)
    assert len(seen.epochs) == 3


def test_the_callers_random_state_is_untouched() -> None:
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    fit(training("reconstruct", (phase(BOTH),), augment=({"name": "affine"},)))
    assert torch.equal(torch.rand(4), expected)


def test_the_callers_random_state_changes_nothing() -> None:
    ends = []
    for seed in (1, 2):
        t = training("reconstruct", (phase(BOTH),), augment=({"name": "affine"},))
        torch.manual_seed(seed)
        fit(t)
        ends.append(weights(t.model))
    assert same(*ends)


EXPLODING = {"name": "wild", "optimizer": "sgd", "learning_rate": 1e30, "schedule": "constant"}
PLAIN = ConvSpec(encoder_filters=(8, 8), decoder_filters=(8, 8), batch_norm=False, activation="elu")


@pytest.mark.parametrize("shown", [-1.0, 1e9])
def test_a_loss_that_is_not_finite_is_told_and_the_run_still_loads(
    shown: float, save_each_step: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SHOW_SECONDS", shown)
    run, model = new_run(tmp_path / "run"), whole_model(network=PLAIN)
    phases = (phase(BOTH, name="calm", epochs=1), phase(BOTH, **EXPLODING))
    with pytest.raises(TrainingError, match=r"Expected (a )?finite") as caught:
        fit(training("reconstruct", phases, run, model=model))
    assert caught.value.code == "not-finite"
    assert caught.value.exit_code == 5
    assert "Lower --learning-rate (it is 1e+30)" in caught.value.hint
    checkpoint.load_model(run, model)
    assert all(value.isfinite().all() for value in weights(model).values())
    assert [record["phase"] for record in run.metrics()] == ["calm"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_signal_saves_and_says_how_to_go_on(
    number: signal.Signals, show_each_step: None, tmp_path: Path
) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run, phases = new_run(tmp_path / "run"), two_phases("reconstruct")
    ask = _at(4, lambda: os.kill(os.getpid(), number))
    with pytest.raises(Interrupted, match="everything so far is saved") as caught:
        fit(training("reconstruct", phases, run, observers=(ask,)))
    assert caught.value.hint == f"Go on with: latens pretrain --resume {run.path}"
    assert caught.value.exit_code == 130
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    whole, resumed = training("reconstruct", phases), training("reconstruct", phases, run)
    fit(whole)
    fit(resumed)
    assert same(weights(whole.model), weights(resumed.model))


def test_a_second_signal_stops_at_once(show_each_step: None, tmp_path: Path) -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise Killed

    run = new_run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        fit(training("reconstruct", (phase(BOTH),), run, observers=(_at(1, twice),)))
    assert checkpoint.newest(run) is None


def _at(place: int, do: Any) -> Any:
    """An observer that does something at its record number `place`."""
    numbers: Iterator[int] = iter(range(10**6))
    return lambda record: do() if next(numbers) == place else None


def test_the_device_is_chosen_and_told_with_the_reason() -> None:
    placed = place(TrainSpec(device="cpu", precision="float32", threads=1))
    assert (placed.device, placed.dtype) == (CPU, torch.float32)
    assert placed.reason == "device cpu (as asked), 1 thread; float32 (as asked)"
    assert "float32" in place(TrainSpec(device="cpu")).reason


@pytest.mark.parametrize("name", ["tpu9", "cuda:99", "nonsense:1"])
def test_a_device_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(UsageError, match="a device that this machine has") as caught:
        place(TrainSpec(device=name))
    assert caught.value.code == "bad-device"


def test_bfloat16_trains_and_weights_stay_float32() -> None:
    t = training("reconstruct", (phase(BOTH),))
    t.placement = place(TrainSpec(device="cpu", precision="bfloat16"))
    fit(t)
    assert all(p.dtype == torch.float32 for p in t.model.parameters())
    assert all(p.isfinite().all() for p in t.model.parameters())


def test_numbers_too_small_to_be_quick_count_as_zero_for_a_while() -> None:
    tiny = torch.full((4,), 1e-39)
    with tiny_is_zero():
        assert (tiny * 1.0 == 0).all()
    assert (tiny * 1.0 > 0).all()
