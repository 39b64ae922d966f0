"""A sweep and its queue, opened: for the process that began it, and for workers elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import optuna

from latens.app import options, sweep_repeats
from latens.app.opening import task_of
from latens.app.serving import Done, Job, Later
from latens.app.sweep_spec import SweepSpec, images_of
from latens.app.sweep_trial import Trials
from latens.errors import DataError, LatensError, RunError, UsageError
from latens.progress import Progress
from latens.runs.folder import RunFolder
from latens.search import judging, space
from latens.search import storage as stores
from latens.search.queue import BEGUN, Attrs, Queue, Row
from latens.search.storage import Storage
from latens.spec import parse

FILE = "trials.db"
ATTR = "latens"  # the study's attribute with all that a worker needs


@dataclass(frozen=True)
class Sweep:
    """A sweep whose queue is open; `name` is that of its study in the storage."""

    spec: SweepSpec
    queue: Queue
    folder: Path
    name: str

    def job(self, trials: Trials) -> Job:
        """How its trials are done; without its images no trial of it could be."""

        def do(trial: optuna.Trial, name: str) -> Done:
            trials.draw(trial)
            if not trials.path(name).exists():  # else its training has begun already
                twin = sweep_repeats.twin(self.queue.slots(), trial, name)
                if twin and twin.done:
                    return sweep_repeats.taken_over(twin, trial, self.spec.score)
                if twin:
                    raise Later(**{sweep_repeats.AFTER: twin.name})
            trial.set_user_attr(BEGUN, True)
            return trials.run(trial, name)

        def ready(row: Row) -> bool:
            waits = sweep_repeats.AFTER in row.user_attrs
            return not waits or sweep_repeats.ready(row, self.queue.slots())

        return Job(do, ready, stops=self._stops)

    def _stops(self, error: LatensError) -> bool:
        return isinstance(error, DataError) and not self.spec.reads_differently


def reopen(run: str | Path, storage: str | None = None, trials: int | None = None) -> Sweep:
    """A sweep by its folder. What a kill left undone in its queue is done."""
    folder = RunFolder.open(run)
    task_of(folder, "sweep")
    spec, about = parse(SweepSpec, folder.spec()), folder.environment()
    url = storage or str(about["storage"])
    if not storage and about["password"]:
        raise UsageError(
            f"Expected --storage again, because its password is written down nowhere; got none "
            f"for {url}.",
            hint=f"Give the URL with its password: latens sweep --resume {run} --storage URL",
            code="no-password",
        )
    store = stores.connect(url) if url else file_of(folder)
    return opened(folder, spec, store, str(about["study"]), trials)


def opened(
    run: RunFolder, spec: SweepSpec, store: Storage, name: str, trials: int | None = None
) -> Sweep:
    """Make what is not there yet of the study and its queue."""
    study = optuna.create_study(
        storage=store, study_name=name, direction=spec.goal, load_if_exists=True
    )
    kept = study.user_attrs.get(ATTR, {})
    if kept and kept.get("spec") != spec.model_dump(mode="json"):
        raise taken(name, str(store.engine.url))
    count = _extended(spec, int(kept.get("trials", spec.trials)), trials)
    attr = {
        "kind": "sweep", "folder": str(run.path.resolve()), "trials": count,
        "spec": spec.model_dump(mode="json"),
    }  # fmt: skip
    if kept != attr:
        study.set_user_attr(ATTR, attr)
    spec = spec.model_copy(update={"trials": count})
    queue = queue_of(study, store, spec)
    queue.fill(_wanted(spec))
    return Sweep(spec, queue, run.path, name)


def _extended(spec: SweepSpec, before: int, asked: int | None) -> int:
    if asked is None or asked == before:
        return before
    if spec.search == "grid" or asked < before:
        raise UsageError(
            f"Expected at least the {before} trials that the sweep has"
            f"{', and no more than its grid' if spec.search == 'grid' else ''}; got {asked}.",
            hint="Leave --trials out, or begin another sweep.",
            code="too-few-trials",
        )
    return asked


def _wanted(spec: SweepSpec) -> dict[str, tuple[Attrs, Attrs]]:
    if spec.search == "grid":
        return {str(i): (point, {}) for i, point in enumerate(space.points(spec.space))}
    return {str(number): ({}, {}) for number in range(spec.trials)}


def queue_of(study: optuna.Study, store: Storage, spec: SweepSpec) -> Queue:
    """The trials of a study, proposed and pruned as the spec says."""
    store.beat_every(spec.heartbeat)
    study.pruner = judging.pruner(spec.prune)
    return Queue(study, store, lambda slot: judging.sampler(spec.search, spec.seed, slot))


def require_same_images(spec: SweepSpec, data: Any, progress: Progress) -> None:
    """Raise `RunError` unless the images are those that the sweep began with."""
    source = spec.data["source"]
    if data is None and source == options.ARRAY:
        raise UsageError(
            "Expected the images again, because the sweep was made from arrays; got none.",
            hint="Pass them as data=.",
            code="no-data",
        )
    images = images_of(spec, source if data is None else data, progress)
    if images.fingerprint != spec.fingerprint:
        raise RunError(
            f"Expected the images that the sweep began with (fingerprint {spec.fingerprint[:12]}); "
            f"{images.name} has fingerprint {images.fingerprint[:12]}.",
            hint="Put the original files back, or begin another sweep.",
            code="other-data",
        )


def file_of(run: RunFolder) -> Storage:
    """The queue in the sweep's own folder."""
    return stores.connect(stores.sqlite_url(run.path / FILE))


def taken(name: str, url: str) -> UsageError:
    """The error for a study that is there already."""
    return UsageError(
        f"Expected a new name for the study; there is one called {name} in {stores.shown(url)}.",
        hint="Choose another --study, or help with that one: latens worker --storage URL "
        f"--study {quote(name)}",
        code="study-exists",
    )
