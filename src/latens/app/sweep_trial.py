"""One trial of a sweep: a run folder under the sweep's, trained or gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna

from latens.app import classify, pretrain
from latens.app.serving import Done, patiently
from latens.app.sweep_spec import SweepSpec, arguments, values_of
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder
from latens.search import people
from latens.search.judging import PRUNED, Judge, require
from latens.search.space import Label
from latens.train.records import Observer


@dataclass(frozen=True)
class Trials:
    """How to run the trials of one sweep on this machine.

    `data` is what is read in place of the spec's source where that is elsewhere here; `machine`
    are options that belong to this worker, such as its device.
    """

    spec: SweepSpec
    folder: Path
    data: Any = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    observers: Sequence[Observer] = ()
    progress: Progress = silent

    def draw(self, trial: optuna.Trial) -> dict[str, Label]:
        """What the trial proposes; the same each time that one asks."""
        return {parameter.name: parameter.suggest(trial) for parameter in self.spec.space}

    def run(self, trial: optuna.Trial, slot: str) -> Done:
        """Train what the trial proposes, or go on with it."""
        labels = self.draw(trial)
        path = self.path(slot)
        judge = Judge(trial, self.spec.score, path)
        patiently(lambda: self._train(values_of(self.spec.space, labels), path, judge))
        pruned = judge.pruned or bool(trial.user_attrs.get(PRUNED))
        return self._done(RunFolder.open(path), pruned)

    def path(self, slot: str) -> Path:
        """The run folder of a trial."""
        return self.folder / "trials" / f"{int(slot):04d}"

    def _train(self, values: dict[str, Any], path: Path, judge: Judge) -> None:
        task = {"pretrain": pretrain, "classify": classify}[self.spec.trains]
        watching: dict[str, Any] = {
            "report": False, "observers": [*self.observers, judge], "progress": self.progress,
        }  # fmt: skip
        if path.exists():  # its worker died, or was stopped
            task.resume(path, self.data, machine=self.machine, **watching)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        source = self.spec.data["source"] if self.data is None else self.data
        asked = {**arguments(self.spec.fixed, values), **self.machine}
        getattr(task, self.spec.trains)(source, out=path, **asked, **watching)

    def _done(self, run: RunFolder, pruned: bool) -> Done:
        training, about = run.result("training")[0], run.environment()
        score = require(training["val"], self.spec.score)
        attrs = {
            "run": run.path.name,
            "host": people.host(people.me()),
            "val": training["val"],
            "seconds": training["train_seconds"],
            "epochs": training["epochs"],
            "parameters": about["parameters"],
            "code": about["code"],
        }
        told = (
            f"{self.spec.score} {score:.5g}, {attrs['seconds']:.1f} s, "
            f"{about['parameters']:,} parameters, a code of {about['code']:,}"
        )
        return Done(score, attrs, pruned, told)
