"""How a search proposes values, and when it gives a trial up."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from latens.errors import UsageError
from latens.runs.folder import RunFolder
from latens.seeds import fold
from latens.train.records import STOP, EpochRecord, StepRecord

Search: TypeAlias = Literal["grid", "random", "tpe"]
Prune: TypeAlias = Literal["none", "median", "hyperband"]
MARKS = range(10, 100, 10)
"""Percent of a training at which it is compared with others: all have these steps in common,
however many epochs they last."""
PRUNED = "pruned"
STARTUP = 5  # trials that are trained to their end before any is given up
WARMUP = 20  # percent of a training before which it is not judged


def sampler(search: Search, seed: int, slot: str) -> BaseSampler:
    """For the trial of a slot: what it draws follows from the seed, the slot, and (for tpe) from
    the results so far, but not from how often the search was stopped."""
    drawn = fold(seed, "search", int(slot)) % 2**32
    if search == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return TPESampler(seed=drawn)
    return RandomSampler(seed=drawn)  # a grid's trials have their values already


def pruner(kind: Prune) -> BasePruner:
    """Median: worse than half of the others at the same mark. Hyperband: Li et al. 2018."""
    if kind == "median":
        return MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP)
    if kind == "hyperband":
        return HyperbandPruner(min_resource=MARKS.start, max_resource=100, reduction_factor=3)
    return NopPruner()


class Judge:
    """An observer of one trial's training, which it may stop; the run will lie at `path`."""

    def __init__(self, trial: optuna.Trial, metric: str, path: Path) -> None:
        self.trial, self.metric, self.path = trial, metric, path
        self.pruned = False
        self._epochs: dict[str, int] = {}
        self._next = 0

    def __call__(self, record: StepRecord | EpochRecord) -> bool | None:
        """Report validations at the marks; answer `STOP` where the pruner says so."""
        if not isinstance(record, EpochRecord):
            return None
        if not self._epochs:
            self._catch_up(record)
        if self._report(record.phase, record.epoch, record.val) and self.trial.should_prune():
            self.pruned = True
            self.trial.set_user_attr(PRUNED, True)  # known too to whoever goes on after a kill
            return STOP
        return None

    def _catch_up(self, record: EpochRecord) -> None:
        """Learn how long the phases are, and report what earlier sittings came to."""
        run = RunFolder.open(self.path)
        self._epochs = {phase["name"]: phase["epochs"] for phase in run.spec()["phases"]}
        for before in run.metrics():
            if (before["phase"], before["epoch"]) != (record.phase, record.epoch):
                self._report(before["phase"], before["epoch"], before["val"])

    def _report(self, phase: str, epoch: int, val: Mapping[str, float]) -> bool:
        """Whether this validation passed a mark; it then counts for all that it passed."""
        value, share, passed = require(val, self.metric), self._share(phase, epoch), False
        while self._next < len(MARKS) and MARKS[self._next] <= 100 * share + 1e-9:
            self.trial.report(value, MARKS[self._next])
            self._next, passed = self._next + 1, True
        return passed and share < 1

    def _share(self, phase: str, epoch: int) -> float:
        """How much of the training is done, from 0 to 1, counted in epochs."""
        names = list(self._epochs)
        before = sum(self._epochs[name] for name in names[: names.index(phase)])
        return (before + epoch) / sum(self._epochs.values())


def require(val: Mapping[str, float], metric: str) -> float:
    """The value of a metric of validation; `UsageError` with those that there are if it is none."""
    if metric not in val:
        raise UsageError(
            f"Expected a metric of validation to judge trials by ({', '.join(sorted(val))}); "
            f"got {metric}.",
            hint=f"Use --score {next(iter(val))}.",
            code="unknown-score",
        )
    return val[metric]
