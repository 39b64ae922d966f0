"""The training loop, from top to bottom.

    for each phase: choose what moves, build its optimiser
        for each epoch: draw its order from (seed, phase, epoch)
            for each batch: augment, loss, backward, penalties, update, average, count
            validate the averaged weights (every so many epochs), keep the best, tell the observers
            save (every few seconds, and at the end of a phase)

Sums stay on the device and are read when something is shown. Order, augmentation and dropout
follow from (seed, phase, epoch, step), so that a training that is killed and resumed ends with the
same bits on CPU as one that was not.

With several processes every one of them goes through this file; `world` is what they share: each
learns from its slice of a batch, and what stops, saves or counts is agreed upon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from latens import catalog
from latens.data.batches import Batch, Batches
from latens.metrics import Totals
from latens.nn.fused import native
from latens.nn.model import Model
from latens.objectives._step import Objective
from latens.runs.folder import RunFolder
from latens.seeds import fold
from latens.spec import AugmentSpec, PhaseSpec, TrainSpec
from latens.train import checkpoint, optimizers, schedules
from latens.train.average import Average
from latens.train.clock import Clock
from latens.train.device import Placement, tiny_is_zero
from latens.train.distributed import ALONE, World
from latens.train.finite import failure_noted, finite, refuse_broken
from latens.train.interrupt import Interrupt, stop_if
from latens.train.records import EpochRecord, Observer, StepRecord
from latens.train.state import State

SAVE_SECONDS = 20.0
SHOW_SECONDS = 0.25

Augment = Callable[[Tensor, float, torch.Generator], Tensor]


@dataclass
class Training:
    """Everything a training needs; `run` is None for one that leaves nothing on disk.

    Of several processes the leader alone has a run and observers.
    """

    model: Model
    objective: Objective
    phases: Sequence[PhaseSpec]
    spec: TrainSpec
    batches: Batches
    validation: Batches
    placement: Placement
    run: RunFolder | None = None
    observers: Sequence[Observer] = ()
    world: World = ALONE

    def batch_size(self, epoch: int) -> int:
        """Images a batch in this epoch of a phase: it may double every so many epochs."""
        first, every = self.batches.batch_size, self.spec.double_batch_every
        if every is None:
            return first
        return max(first, min(self.spec.largest_batch, first << (epoch // every)))


def fit(training: Training) -> State:
    """Train through all phases; the model ends with the weights that the spec says to keep.

    Goes on where the run's newest checkpoint stands, if it has one.

    Raises `TrainingError` if the loss stops being finite, `Interrupted` on Ctrl-C, `RunError` if
    another process is training this run.
    """
    t = training
    t.model.to(t.placement.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    stop = False  # an observer's answer: it ends this epoch, this phase and those to come
    alone = t.run.alone() if t.run else nullcontext()
    with (
        alone, failure_noted(t.run), _random_apart(t), tiny_is_zero(), native.as_before(),
        Interrupt() as interrupt,
    ):  # fmt: skip
        state, optimizer_tensors = _start(t)
        native.use(state.native)
        clock = Clock(state.seconds, show_every=SHOW_SECONDS, save_every=SAVE_SECONDS)
        for number in range(state.phase, len(t.phases)):
            phase = t.phases[number]
            moving = _moving(t.model, phase)
            optimizer = optimizers.build(phase, moving)
            checkpoint.restore_optimizer(optimizer, optimizer_tensors)
            optimizer_tensors = {}
            average = Average(t.spec.average, t.model, state)
            learn = t.world.learner(t.model, t.objective)
            for epoch in range(state.epoch, phase.epochs):
                _choose_modes(t.model, phase)
                size, place = t.batch_size(epoch), _place(number, epoch)
                started, first, steps = time.perf_counter(), state.step, t.batches.steps(size)
                for step, batch in enumerate(t.batches.epoch(place, first, size), first):
                    _set_rate(optimizer, _rate(phase, epoch + step / steps, state))
                    batch = _prepared(t, batch, (number, epoch, step))
                    with torch.autocast(t.placement.device.type, t.placement.dtype, _mixed(t)):
                        loss, sums = learn(batch)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizers.penalise(phase, moving)
                    optimizer.step()
                    optimizer.zero_grad()
                    average.update()
                    state.totals.add(sums)
                    state.step, state.updates = step + 1, state.updates + 1
                    stop = _show(t, state, phase, clock)
                    stop, leave, save = t.world.agreed(stop, interrupt.asked, clock.save_due())
                    if leave or save:
                        _save(t, state, phase, optimizer, clock)
                        stop_if(leave, t.run)
                    if stop:
                        break
                if not (stop or _validation_due(t, phase, epoch)):
                    state.epoch, state.step = epoch + 1, 0
                    continue
                train = finite(t.world.merged(state.totals).read(), phase, epoch)
                rate = _rate(phase, epoch + (state.step - 1) / steps, state)
                seconds = time.perf_counter() - started
                speed = (state.step - first) / steps * t.batches.examples / seconds
                with average.in_place():
                    val = finite(validate(t), phase, epoch)
                    _keep_best(t, state, phase, val)
                state.seconds = clock.elapsed()
                record = EpochRecord(
                    phase.name, epoch + 1, phase.epochs, state.updates, state.seconds,
                    speed, rate, train, val,
                )  # fmt: skip
                _write(t, record)
                (stop,) = t.world.agreed(_tell(t, record) or stop)
                state.begin_epoch(epoch + 1)
                if stop or _patience_is_over(t, state):
                    break
            average.settle()
            _end_phase(t, state, len(t.phases) if stop else number + 1)
            _save(t, state, phase, None, clock)
            if stop:
                break
        stop_if(t.world.agreed(interrupt.asked)[0], t.run)  # else a search went on
    return state


@torch.no_grad()
def validate(training: Training) -> dict[str, float]:
    """The metrics over the validation images, with the model in evaluation mode.

    What an objective draws (noise, a code) is the same at each validation.
    """
    t = training
    t.model.eval()
    totals = Totals()
    with _random_apart(t):
        mine = t.world.mine(len(t.validation))
        for number, batch in zip(mine, t.validation.in_order(mine), strict=True):
            _draw_from(t, "validation", number)
            with torch.autocast(t.placement.device.type, t.placement.dtype, _mixed(t)):
                totals.add(t.objective.step(t.model, batch).sums)
    return t.world.merged(totals).read()


def _start(t: Training) -> tuple[State, dict[str, Tensor]]:
    state, tensors = State(keep=t.spec.keep, native=t.placement.native), dict[str, Tensor]()
    if t.run and checkpoint.newest(t.run):
        state, tensors = checkpoint.restore(t.run, t.model)
        state.native = state.native and t.placement.native
        device = t.placement.device
        state.totals.sums = {n: s.to(device) for n, s in state.totals.sums.items()}
    return t.world.begun(t.model, state, tensors)


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
    _draw_from(t, "dropout", *place)
    if not t.spec.augment:
        return batch
    generator = torch.Generator(t.placement.device)
    generator.manual_seed(fold(t.spec.seed, "augment", *place))
    images = batch.images
    for augment in t.spec.augment:
        images = _augmentation(augment)(images, augment.strength, generator)
    return Batch(images.contiguous(memory_format=torch.channels_last), batch.labels)


def _draw_from(t: Training, purpose: str, *place: int) -> None:
    """Seed what objectives and dropout draw from.

    `torch.manual_seed` asks every kind of device there might be, and keeps a stack trace for each
    that is not there: half a millisecond a step.
    """
    seed, device = fold(t.spec.seed, purpose, *place), t.placement.device
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def _augmentation(spec: AugmentSpec) -> Augment:
    apply: Augment = catalog.load("corrupt", spec.name).apply
    return apply


def _rate(phase: PhaseSpec, done: float, state: State) -> float:
    """The learning rate after `done` epochs of the phase."""
    factor = schedules.factor(phase.schedule, done, phase.epochs, state.drops)
    return phase.learning_rate * factor


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _mixed(t: Training) -> bool:
    return t.placement.dtype != torch.float32


def _random_apart(t: Training) -> AbstractContextManager[None]:
    """Leave the caller's own random state as it was."""
    device = t.placement.device
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _show(t: Training, state: State, phase: PhaseSpec, clock: Clock) -> bool:
    """Tell the observers how far it is, every so often; True if one of them asks to stop."""
    if not (t.world.leads and clock.show_due()):
        return False
    steps = t.batches.steps(t.batch_size(state.epoch))
    return _tell(t, StepRecord(
        phase.name, len(t.phases), state.epoch + 1, phase.epochs, state.step, steps,
        clock.elapsed(), finite(state.totals.read(), phase, state.epoch),
    ))  # fmt: skip


def _write(t: Training, record: EpochRecord) -> None:
    """Note the epoch in the run; its numbers are good, so an old failure is over."""
    if t.run:
        t.run.append_metrics(record.to_dict())
        t.run.clear_failure()


def _tell(t: Training, record: StepRecord | EpochRecord) -> bool:
    """Show the record to every observer; True if one of them asks to stop."""
    return any([observer(record) is True for observer in t.observers])


def _validation_due(t: Training, phase: PhaseSpec, epoch: int) -> bool:
    """Every so many epochs and after the last; the sums of skipped epochs go on growing."""
    return (epoch + 1) % t.spec.validate_every == 0 or epoch + 1 == phase.epochs


def _keep_best(t: Training, state: State, phase: PhaseSpec, val: dict[str, float]) -> None:
    """Copy the weights if they are the best so far; let the rate drop if it has been long."""
    score = t.objective.score(val)
    if state.best_score is None or score > state.best_score:
        state.best_score, state.best_epoch, state.stale = score, state.epoch + 1, 0
        state.best = _copy_of(t.model)
        return
    state.stale += 1
    state.drops += schedules.drops(phase.schedule, state.stale)


def _patience_is_over(t: Training, state: State) -> bool:
    return t.spec.early_stopping is not None and state.stale >= t.spec.early_stopping


def _end_phase(t: Training, state: State, following: int) -> None:
    """Take the weights that the spec keeps; after the last phase the others stay in the state."""
    best, last = state.best, _copy_of(t.model)
    differ, keep_best = state.best_epoch != state.epoch, t.spec.keep == "best"
    if differ and keep_best:
        t.model.load_state_dict(best)
    state.begin_phase(following)
    if differ and following == len(t.phases):
        state.best, state.last = ({}, last) if keep_best else (best, {})


def _copy_of(model: Model) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _save(
    t: Training,
    state: State,
    phase: PhaseSpec,
    optimizer: torch.optim.Optimizer | None,
    clock: Clock,
) -> None:
    state.seconds = clock.elapsed()
    state.totals = t.world.kept_once(t.world.merged(state.totals))
    if t.run:
        refuse_broken(t.model, phase)
        checkpoint.save_checkpoint(t.run, state, t.model, optimizer)
    clock.saved()
