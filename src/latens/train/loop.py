"""The training loop, from top to bottom.

    for each phase: choose what moves, build its optimiser
        for each epoch: draw its order from (seed, phase, epoch)
            for each batch: augment, loss, backward, update, count
            validate (every so many epochs), keep the best, tell the observers
            save (every few seconds, and at the end of a phase)

Sums stay on the device and are read when something is shown. Order, augmentation and dropout
follow from (seed, phase, epoch, step), so that a training that is killed and resumed ends with the
same bits on CPU as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from latens import catalog
from latens.data.batches import Batch, Batches
from latens.errors import TrainingError
from latens.metrics import Totals
from latens.nn.model import Model
from latens.objectives._step import Objective
from latens.runs.folder import RunFolder
from latens.seeds import fold
from latens.spec import AugmentSpec, PhaseSpec, TrainSpec
from latens.train import checkpoint, optimizers, schedules
from latens.train.device import Placement
from latens.train.interrupt import Interrupt
from latens.train.records import EpochRecord, Observer, StepRecord
from latens.train.state import State

SAVE_SECONDS = 20.0
SHOW_SECONDS = 0.25

Augment = Callable[[Tensor, float, torch.Generator], Tensor]


@dataclass
class Training:
    """Everything a training needs; `run` is None for one that leaves nothing on disk."""

    model: Model
    objective: Objective
    phases: Sequence[PhaseSpec]
    spec: TrainSpec
    batches: Batches
    validation: Batches
    placement: Placement
    run: RunFolder | None = None
    observers: Sequence[Observer] = ()


def fit(training: Training) -> State:
    """Train through all phases; the model ends with the weights that the spec says to keep.

    Goes on where the run's newest checkpoint stands, if it has one.

    Raises `TrainingError` if the loss stops being finite, `Interrupted` on Ctrl-C.
    """
    t = training
    t.model.to(t.placement.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    state, optimizer_tensors = _start(t)
    stop = False  # an observer's answer: it ends this epoch, this phase and those to come
    with _dropout_apart(t.placement.device), Interrupt() as interrupt:
        clock = _Clock(state)
        for number in range(state.phase, len(t.phases)):
            phase = t.phases[number]
            optimizer = optimizers.build(phase, _moving(t.model, phase))
            checkpoint.restore_optimizer(optimizer, optimizer_tensors)
            optimizer_tensors = {}
            for epoch in range(state.epoch, phase.epochs):
                _choose_modes(t.model, phase)
                started, first = time.perf_counter(), state.step
                for step, batch in enumerate(t.batches.epoch(_place(number, epoch), first), first):
                    _set_rate(optimizer, _rate(t, phase, epoch, step))
                    batch = _prepared(t, batch, (number, epoch, step))
                    with torch.autocast(t.placement.device.type, t.placement.dtype, _mixed(t)):
                        loss, sums = t.objective.step(t.model, batch)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    optimizer.zero_grad()
                    state.totals.add(sums)
                    state.step, state.updates = step + 1, state.updates + 1
                    stop = clock.show_due() and _tell(t, _step_record(t, state, phase, clock))
                    if interrupt.asked or clock.save_due():
                        _save(t, state, phase, optimizer, clock)
                        interrupt.stop_if_asked(t.run)
                    if stop:
                        break
                if not (stop or _validation_due(t, phase, epoch)):
                    state.epoch, state.step = epoch + 1, 0
                    continue
                train = _finite(state.totals.read(), phase, epoch)
                seconds = time.perf_counter() - started
                speed = (state.step - first) / len(t.batches) * t.batches.examples / seconds
                val = _finite(validate(t), phase, epoch)
                _keep_best(t, state, val)
                state.seconds = clock.elapsed()
                record = EpochRecord(
                    phase.name, epoch + 1, phase.epochs, state.updates, state.seconds,
                    speed, _rate(t, phase, epoch, state.step - 1), train, val,
                )  # fmt: skip
                if t.run:
                    t.run.append_metrics(record.to_dict())
                stop = _tell(t, record) or stop
                state.begin_epoch(epoch + 1)
                if stop or _patience_is_over(t, state):
                    break
            _take_kept(t, state)
            state.begin_phase(len(t.phases) if stop else number + 1)
            _save(t, state, phase, None, clock)
            if stop:
                break
    return state


@torch.no_grad()
def validate(training: Training) -> dict[str, float]:
    """The metrics over the validation images, with the model in evaluation mode."""
    t = training
    t.model.eval()
    totals = Totals()
    for batch in t.validation.in_order():
        with torch.autocast(t.placement.device.type, t.placement.dtype, _mixed(t)):
            totals.add(t.objective.step(t.model, batch).sums)
    return totals.read()


class _Clock:
    """When to show and when to save, and how long it has been over all sittings."""

    def __init__(self, state: State) -> None:
        self._zero = time.perf_counter() - state.seconds
        self._shown = self._saved = time.perf_counter()

    def elapsed(self) -> float:
        return time.perf_counter() - self._zero

    def show_due(self) -> bool:
        due = time.perf_counter() - self._shown > SHOW_SECONDS
        if due:
            self._shown = time.perf_counter()
        return due

    def save_due(self) -> bool:
        return time.perf_counter() - self._saved > SAVE_SECONDS

    def saved(self) -> None:
        self._saved = time.perf_counter()


def _start(t: Training) -> tuple[State, dict[str, Tensor]]:
    if t.run and checkpoint.newest(t.run):
        state, tensors = checkpoint.restore(t.run, t.model)
        device = t.placement.device
        state.totals.sums = {n: s.to(device) for n, s in state.totals.sums.items()}
        return state, tensors
    return State(), {}


def _moving(model: Model, phase: PhaseSpec) -> list[torch.nn.Parameter]:
    """Unfreeze the phase's groups, freeze the others; the parameters that move."""
    model.requires_grad_(False)
    for group in phase.groups:
        getattr(model, group).requires_grad_(True)
    return [p for p in model.parameters() if p.requires_grad]


def _choose_modes(model: Model, phase: PhaseSpec) -> None:
    """Training mode for what moves; a frozen encoder keeps its running statistics too."""
    model.eval()
    model.training = True
    for group in phase.groups:
        getattr(model, group).train()


def _place(phase: int, epoch: int) -> int:
    """One number for an epoch of a phase: phases have orders of their own."""
    return phase * 1_000_000 + epoch


def _prepared(t: Training, batch: Batch, place: tuple[int, int, int]) -> Batch:
    """Seed this step's dropout and augment the batch."""
    torch.manual_seed(fold(t.spec.seed, "dropout", *place))
    if not t.spec.augment:
        return batch
    generator = torch.Generator(t.placement.device)
    generator.manual_seed(fold(t.spec.seed, "augment", *place))
    images = batch.images
    for augment in t.spec.augment:
        images = _augmentation(augment)(images, augment.strength, generator)
    return Batch(images.contiguous(memory_format=torch.channels_last), batch.labels)


def _augmentation(spec: AugmentSpec) -> Augment:
    apply: Augment = catalog.load("corrupt", spec.name).apply
    return apply


def _rate(t: Training, phase: PhaseSpec, epoch: int, step: int) -> float:
    """The learning rate of this step of a phase."""
    done, total = epoch * len(t.batches) + step, phase.epochs * len(t.batches)
    return phase.learning_rate * schedules.factor(phase.schedule, done, total)


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _mixed(t: Training) -> bool:
    return t.placement.dtype != torch.float32


def _dropout_apart(device: torch.device) -> AbstractContextManager[None]:
    """Leave the caller's own random state as it was."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _step_record(t: Training, state: State, phase: PhaseSpec, clock: _Clock) -> StepRecord:
    return StepRecord(
        phase.name, len(t.phases), state.epoch + 1, phase.epochs, state.step, len(t.batches),
        clock.elapsed(), _finite(state.totals.read(), phase, state.epoch),
    )  # fmt: skip


def _tell(t: Training, record: StepRecord | EpochRecord) -> bool:
    """Show the record to every observer; True if one of them asks to stop."""
    return any([observer(record) is True for observer in t.observers])


def _finite(values: dict[str, float], phase: PhaseSpec, epoch: int) -> dict[str, float]:
    for name, value in values.items():
        if not math.isfinite(value):
            raise _not_finite(f"a finite {name}; it became {value} in epoch {epoch + 1}", phase)
    return values


def _not_finite(what: str, phase: PhaseSpec) -> TrainingError:
    return TrainingError(
        f"Expected {what} of phase {phase.name!r}.",
        hint=f"Lower --learning-rate (it is {phase.learning_rate:g}).",
        code="not-finite",
    )


def _validation_due(t: Training, phase: PhaseSpec, epoch: int) -> bool:
    """Every so many epochs and after the last; the sums of skipped epochs go on growing."""
    return (epoch + 1) % t.spec.validate_every == 0 or epoch + 1 == phase.epochs


def _keep_best(t: Training, state: State, val: dict[str, float]) -> None:
    score = t.objective.score(val)
    if state.best_score is not None and score <= state.best_score:
        state.stale += 1
        return
    state.best_score, state.best_epoch, state.stale = score, state.epoch + 1, 0
    if t.spec.keep == "best":
        state.best = {name: value.clone() for name, value in t.model.state_dict().items()}


def _patience_is_over(t: Training, state: State) -> bool:
    return t.spec.early_stopping is not None and state.stale >= t.spec.early_stopping


def _take_kept(t: Training, state: State) -> None:
    """The phase ends with its best weights, if the spec keeps the best."""
    if state.best:
        t.model.load_state_dict(state.best)


def _refuse_broken(model: Model, phase: PhaseSpec) -> None:
    """Weights that are not finite must never take the place of a good checkpoint."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise _not_finite(f"finite weights; {name} stopped being so in an epoch", phase)


def _save(
    t: Training,
    state: State,
    phase: PhaseSpec,
    optimizer: torch.optim.Optimizer | None,
    clock: _Clock,
) -> None:
    state.seconds = clock.elapsed()
    if t.run:
        _refuse_broken(t.model, phase)
        checkpoint.save_checkpoint(t.run, state, t.model, optimizer)
    clock.saved()
