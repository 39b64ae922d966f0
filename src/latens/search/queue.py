"""A queue of work in an Optuna study: each piece is done once, whatever becomes of the workers.

A piece of work (a *slot*: the trial of a sweep, or the training of one arm with one seed) is a row
of the study that waits until a worker claims it. A row whose worker died is failed, and another
row with the same slot takes its place; its training then goes on in the slot's run folder.

Nothing here needs two changes to happen at once. Where workers get in each other's way a slot may
get a second row: whoever claims it sees that another one comes first, and drops it.

    waiting  ->  running  ->  complete | pruned | failed with a reason     done
                          ->  failed without one: its worker died          a new row waits
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from latens.search import people
from latens.search.storage import Storage

ATTEMPTS = 4  # after so many workers have died over a slot, the slot is taken to kill them
Row: TypeAlias = FrozenTrial
Attrs: TypeAlias = Mapping[str, Any]

SLOT, REASON, WORKER = "slot", "reason", "worker"
BEGUN = "begun"  # its worker does it now, and has not only claimed it
_RELEASED, _DROPPED = "released", "dropped"
_OF_A_ROW = {_RELEASED, WORKER, BEGUN}  # attributes that the next row of a slot does not have
_DIED = f"its worker died {ATTEMPTS} times, as for want of memory"


@dataclass(frozen=True)
class Slot:
    """How a piece of work stands, by its rows."""

    name: str
    rows: tuple[Row, ...]

    @property
    def done(self) -> Row | None:
        """The row that says what came of it; None as long as there is none."""
        ended = [row for row in self.rows if row.state.is_finished() and not _dead(row)]
        if ended:
            return ended[0]
        return self.rows[-1] if self._hopeless else None

    @property
    def state(self) -> str:
        """complete, pruned, failed, running or waiting."""
        if self.done:
            return {"COMPLETE": "complete", "PRUNED": "pruned"}.get(self.done.state.name, "failed")
        return "running" if self.live and self.live[0].state is TrialState.RUNNING else "waiting"

    @property
    def reason(self) -> str:
        """Why it failed; empty if it did not."""
        if not self.done or self.state != "failed":
            return ""
        return str(self.done.user_attrs.get(REASON, _DIED))

    @property
    def live(self) -> list[Row]:
        """Rows that wait or run, the first of which counts."""
        return [row for row in self.rows if not row.state.is_finished()]

    @property
    def lost(self) -> bool:
        """Whether its worker died and no row waits in its place."""
        return self.done is None and not self.live

    @property
    def _hopeless(self) -> bool:
        died = [row for row in self.rows if _dead(row) and _RELEASED not in row.user_attrs]
        return len(died) >= ATTEMPTS and not self.live


def _dead(row: Row) -> bool:
    return row.state is TrialState.FAIL and REASON not in row.user_attrs


@dataclass
class Queue:
    """The slots of one study; `study` must be on `storage`."""

    study: optuna.Study
    storage: Storage
    sampler: Callable[[str], BaseSampler] | None = None
    _me: str = field(default_factory=people.me)

    def slots(self) -> dict[str, Slot]:
        """Every slot by name, in the order in which they were added."""
        rows: dict[str, list[Row]] = {}
        for row in self.study.get_trials(deepcopy=False):
            if SLOT in row.user_attrs and _DROPPED not in row.user_attrs:
                rows.setdefault(row.user_attrs[SLOT], []).append(row)
        return {name: Slot(name, tuple(each)) for name, each in rows.items()}

    def fill(self, wanted: Mapping[str, tuple[Attrs, Attrs]]) -> None:
        """Add the slots that are not there yet: fixed parameters and attributes by name."""
        known = self.slots()
        for name, (fixed, attrs) in wanted.items():
            if name not in known:
                self._add(name, fixed, attrs)

    def revive(self) -> dict[str, Slot]:
        """Put slots back whose worker is gone; every slot, as it was before."""
        slots = self.slots()
        if self._fail_the_dead([row for slot in slots.values() for row in slot.live]):
            slots = self.slots()
        for slot in slots.values():
            if slot.lost:
                last = slot.rows[-1]
                fixed = {**last.system_attrs.get("fixed_params", {}), **last.params}
                kept = {k: v for k, v in last.user_attrs.items() if k not in _OF_A_ROW}
                self._add(slot.name, fixed, kept)
        return slots

    def claim(self, ready: Callable[[Row], bool] = lambda row: True) -> optuna.Trial | None:
        """Take the first row that waits, is `ready`, and that nobody else takes at this moment.

        Rows come in the order of their slots: one whose worker died is not put off to the end.
        """
        live = [row for slot in self.slots().values() for row in slot.live]
        for row in live:
            if row.state is not TrialState.WAITING or not ready(row):
                continue
            # Before it runs: a row that runs and was never heard of would not be found dead.
            self.storage.record_heartbeat(row._trial_id)
            if not self._taken(row):
                continue
            self.storage.set_trial_user_attr(row._trial_id, WORKER, self._me)
            if self._second(row):
                self._end(row._trial_id, {_DROPPED: True})
                continue
            if self.sampler:
                self.study.sampler = self.sampler(row.user_attrs[SLOT])
            return optuna.Trial(self.study, row._trial_id)
        return None

    def _taken(self, row: Row) -> bool:
        """Whether a row that waits is now ours; others may have taken or even done it."""
        try:
            return self.storage.set_trial_state_values(row._trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False

    def complete(self, trial: optuna.Trial, value: float, attrs: Attrs) -> None:
        """The work of a row is done."""
        self._tell(trial, attrs, TrialState.COMPLETE, value)

    def pruned(self, trial: optuna.Trial, attrs: Attrs) -> None:
        """It was stopped early, because others were better at that point."""
        self._tell(trial, attrs, TrialState.PRUNED)

    def failed(self, trial: optuna.Trial, reason: str, attrs: Attrs) -> None:
        """It cannot be done, for this reason; nobody tries again."""
        self._tell(trial, {**attrs, REASON: reason}, TrialState.FAIL)

    def release(self, trial: optuna.Trial, attrs: Attrs | None = None) -> None:
        """Give a row back undone: the next worker goes on with it, and finds these `attrs`."""
        self._end(trial._trial_id, {**(attrs or {}), _RELEASED: True})
        self.revive()

    def _add(self, name: str, fixed: Attrs, attrs: Attrs) -> None:
        self.study.enqueue_trial(dict(fixed), user_attrs={**attrs, SLOT: name})

    def _second(self, claimed: Row) -> bool:
        """Whether another row of the same slot comes before this one, or has done its work."""
        slot = self.slots()[claimed.user_attrs[SLOT]]
        return slot.done is not None or any(row.number < claimed.number for row in slot.live)

    def _fail_the_dead(self, live: Sequence[Row]) -> bool:
        """Fail the rows whose worker is gone; whether some may have been."""
        running = [row for row in live if row.state is TrialState.RUNNING]
        for row in running:
            if people.gone(str(row.user_attrs.get(WORKER, ""))):
                self._end(row._trial_id, {})
        # After an outage nobody's heartbeats are fresh: let them be heard again first.
        if running and time.monotonic() - self.storage.outage_over > self.storage.silence:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                optuna.storages.fail_stale_trials(self.study)
        return bool(running)

    def _end(self, trial_id: int, attrs: Attrs) -> None:
        """Fail a row without a reason; another may have done so before."""
        try:
            for name, value in attrs.items():
                self.storage.set_trial_user_attr(trial_id, name, value)
            self.storage.set_trial_state_values(trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            pass

    def _tell(
        self, trial: optuna.Trial, attrs: Attrs, state: TrialState, value: float | None = None
    ) -> None:
        """End a row. One that was given away meanwhile is left to the worker that has it now."""
        try:
            for name, each in attrs.items():
                trial.set_user_attr(name, each)
            self.study.tell(trial, value, state=state, skip_if_finished=True)
        except UpdateFinishedTrialError:
            pass


def waiting_for(row: Row, slots: Mapping[str, Slot], needs: Sequence[str]) -> str | None:
    """The first of the slots that `row` `needs` which is not done; None if all are."""
    return next((name for name in needs if name not in slots or not slots[name].done), None)
