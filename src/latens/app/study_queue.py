"""The trainings of a study through a queue, so that many workers share them.

An arm and a seed is a piece of work; one that reuses another arm's run waits until that is done.
The machines need a disk in common: a classifier reads the run of its encoder from the study's
folder, and whoever called `study run` reads all of them at the end. That process also makes the
rounds, because a later round may build on the results of an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from latens import catalog
from latens.app.opening import require_same_data
from latens.app.serving import Done, Job, patiently, serve
from latens.app.study_arms import Trainings
from latens.app.sweep_open import ATTR
from latens.app.telling import Tell, mute
from latens.app.worked import Worked
from latens.errors import RunError, TrainingError, UsageError
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder
from latens.search import people
from latens.search import storage as stores
from latens.search.queue import Queue, Row, waiting_for
from latens.search.storage import Storage
from latens.studies._study import Arm
from latens.train.records import Observer

OVER, NEEDS, SO_FAR = "over", "needs", "so_far"
Asked = Sequence[tuple[Arm, int]]


@dataclass
class StudyQueue:
    """The queue of a study, as the process sees it that runs the study."""

    queue: Queue
    work: Trainings
    study: str

    def serve(self, asked: Asked, so_far: Mapping[str, float]) -> None:
        """Have all of `asked` trained, here and by other workers, until every one is done.

        Raises `RunError` if a worker had other images than this machine.
        """
        there = {self.work.path(arm, seed).name for arm, seed in asked}
        self.queue.fill(
            {
                self.work.path(arm, seed).name: ({}, {
                    "arm": arm.name, "seed": seed, SO_FAR: dict(so_far),
                    NEEDS: [p.name for p in self.work.needs(arm, seed) if p.name in there],
                })
                for arm, seed in asked
            }
        )  # fmt: skip
        serve(self.queue, _job(self.queue, self.study, self.work), progress=self.work.progress)
        for arm, seed in asked:
            path = self.work.path(arm, seed)
            if arm.through is None and path.exists():
                require_same_data(RunFolder.open(path), self.work.images(arm, seed))

    def close(self) -> None:
        """Tell the workers that there is no more to come."""
        self.queue.study.set_user_attr(OVER, True)


def opened(
    url: str, name: str, study: str, work: Trainings, heartbeat: int = stores.HEARTBEAT
) -> StudyQueue:
    """The queue of a study at a storage, made or gone on with; `name` is what workers are told."""
    store = stores.connect(url)
    store.beat_every(heartbeat)
    found = optuna.create_study(
        storage=store, study_name=name, direction="maximize", load_if_exists=True
    )
    attr = {
        "kind": "study", "folder": str(work.folder.resolve()), "study": study, "data": work.data,
        "scale": work.scale, "seeds": len(work.seeds), "options": dict(work.options),
        "heartbeat": heartbeat,
    }  # fmt: skip
    before = found.user_attrs.get(ATTR)
    if before is not None and any(before.get(n) != attr[n] for n in ("kind", "folder", "study")):
        raise UsageError(
            f"Expected a new name for the study's queue; there is one called {name} in "
            f"{stores.shown(url)}.",
            hint="Choose another --queue.",
            code="study-exists",
        )
    found.set_user_attr(ATTR, attr)
    found.set_user_attr(OVER, False)
    return StudyQueue(Queue(found, store), work, study)


def help_with(
    found: optuna.Study,
    store: Storage,
    attr: Mapping[str, Any],
    machine: Mapping[str, Any],
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
) -> Worked:
    """Train what waits in the queue of a study until whoever runs it says that it is over.

    Raises `RunError` if the study's folder is not on this machine.
    """
    folder = Path(str(attr["folder"]))
    if not folder.is_dir():
        raise RunError(
            f"Expected the study's folder on this machine too; {folder} is not here.",
            hint="Put it on a disk that the machines share, under the same path.",
            code="no-shared-folder",
        )
    store.beat_every(int(attr["heartbeat"]))
    options = {**attr["options"], **machine}
    work = Trainings(
        folder, attr["data"], attr["scale"], range(attr["seeds"]), options, observers, progress
    )
    queue = Queue(found, store)
    job = _job(queue, str(attr["study"]), work, _until_over(found))
    count = serve(queue, job, tell=tell, progress=progress)
    then = f"latens study report {attr['study']} --scale {attr['scale']} --out {folder}"
    return Worked(found.study_name, str(folder), count, len(queue.slots()), then)


def _until_over(found: optuna.Study) -> Any:
    return lambda: bool(found.user_attrs.get(OVER))


def _job(queue: Queue, study: str, work: Trainings, no_more: Any = lambda: True) -> Job:
    def ready(row: Row) -> bool:
        needs = row.user_attrs[NEEDS]
        return not needs or waiting_for(row, queue.slots(), needs) is None

    def do(trial: optuna.Trial, slot: str) -> Done:
        attrs = trial.user_attrs
        _require_done(queue, attrs[NEEDS])
        plan = catalog.load("studies", study).STUDY.plan(work.scale, attrs[SO_FAR])
        work.arms.update({arm.name: arm for arm in plan.arms})
        arm, seed = work.arms[attrs["arm"]], int(attrs["seed"])
        patiently(lambda: _require_free(work.path(arm, seed)))
        outcome = work.train(arm, seed)
        told = f"validation {outcome.val:.5g}, {outcome.seconds:.1f} s"
        return Done(outcome.val, {"host": people.host(people.me())}, told=told)

    return Job(do, ready, no_more)


def _require_done(queue: Queue, needs: Sequence[str]) -> None:
    """Raise `TrainingError` if a training whose run is needed has failed."""
    slots = queue.slots() if needs else {}
    for name in needs:
        if slots[name].state == "failed":
            raise TrainingError(
                f"Expected the run {name}; its training failed: {slots[name].reason}",
                hint="Mend that first.",
                code="failed-run",
            )


def _require_free(path: Path) -> None:
    """Raise `RunError` ("run-busy") while a process trains there that was taken for dead."""
    if path.exists():
        with RunFolder.open(path).alone():
            pass
