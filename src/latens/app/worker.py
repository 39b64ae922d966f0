"""A worker: on any machine that reaches the queue, it does what is in it until all is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import optuna

from latens.app import study_queue
from latens.app.serving import serve
from latens.app.sweep_open import ATTR, Sweep, queue_of, require_same_images
from latens.app.sweep_spec import SweepSpec
from latens.app.sweep_trial import Trials
from latens.app.telling import Tell, mute
from latens.app.warm_up import warm_up
from latens.app.worked import Worked
from latens.errors import Interrupted, RunError, UsageError, unknown_name
from latens.progress import Progress, silent
from latens.search import storage as stores
from latens.search.storage import Storage
from latens.spec import parse
from latens.train.records import Observer


def worker(
    storage: str,
    study: str,
    *,
    folder: str | Path | None = None,
    data: Any = None,
    machine: Mapping[str, Any] | None = None,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
) -> Worked:
    """Help with a sweep or a study until all of it is done.

    Args:
        storage, study: the queue's URL and name.
        folder: where this machine keeps run folders; by default the sweep's own, which has to be
            on a disk that the machines share.
        data: where the images are on this machine, if elsewhere; they must be the same.
        machine: options of this worker alone, such as ``{"device": "cuda:1", "threads": 4}``.

    Raises:
        UsageError: no such study. RunError: nobody answers at `storage`, or other images.
    """
    tell(f"Asking {stores.shown(storage)} for {study}")
    store = _connect(storage)
    found = _load(store, storage, study)
    attr = found.user_attrs.get(ATTR)
    if not isinstance(attr, dict) or attr.get("kind") not in ("sweep", "study"):
        raise UsageError(
            f"Expected a study that latens made; {study} is something else.",
            hint="'latens sweep ... --storage URL --study NAME' makes one.",
            code="other-study",
        )
    own = {name: value for name, value in (machine or {}).items() if value is not None}
    try:
        if attr["kind"] == "study":
            return study_queue.help_with(found, store, attr, own, observers, progress, tell)
        return _help_sweep(found, store, attr, folder, data, own, observers, progress, tell)
    except Interrupted as stopped:
        again = f"latens worker --storage {quote(stores.shown(storage))} --study {quote(study)}"
        raise Interrupted(
            stopped.message, hint=f"Others go on with its trial; come back with: {again}"
        ) from None


def _help_sweep(
    found: optuna.Study,
    store: Storage,
    attr: Mapping[str, Any],
    folder: str | Path | None,
    data: Any,
    machine: Mapping[str, Any],
    observers: Sequence[Observer],
    progress: Progress,
    tell: Tell,
) -> Worked:
    spec = parse(SweepSpec, attr["spec"])
    home = _folder(folder, str(attr["folder"]), found.study_name, tell)
    require_same_images(spec, data, progress)
    opened = Sweep(spec, queue_of(found, store, spec), home, found.study_name)
    trials = Trials(spec, home, data, machine, observers, progress)
    warm_up({**spec.fixed, **machine})
    count = serve(opened.queue, opened.job(trials), tell=tell, progress=progress)
    slots = opened.queue.slots()
    then = f"latens sweep --resume {quote(str(attr['folder']))}"
    return Worked(found.study_name, str(home), count, len(slots), then)


def _folder(asked: str | Path | None, shared: str, name: str, tell: Tell) -> Path:
    """Where runs are kept: as asked, in the sweep's folder if it is here, or in one of our own."""
    if asked or Path(shared).is_dir():
        return Path(asked or shared)
    own = Path("runs") / name
    tell(
        f"The sweep's folder {shared} is not on this machine: runs are kept in {own}, and a trial "
        "whose worker dies begins anew."
    )
    own.mkdir(parents=True, exist_ok=True)
    return own


def _connect(url: str) -> Storage:
    address = stores.parsed(url)
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).is_file():
        raise RunError(
            f"Expected the file of a sweep; there is none at {address.database}.",
            hint="Check the path; of a sweep without --storage it is trials.db in its folder.",
            code="no-storage",
        )
    return stores.connect(url)


def _load(store: Storage, url: str, name: str) -> optuna.Study:
    try:
        return optuna.load_study(storage=store, study_name=name)
    except KeyError:
        known = [each.study_name for each in store.get_all_studies()]
        if known:
            raise unknown_name("study", name, known) from None
        raise UsageError(
            f"Expected the study {name} in {stores.shown(url)}; there is none at all.",
            hint="Make it first: latens sweep ... --storage URL --study NAME",
            code="unknown-study",
        ) from None
