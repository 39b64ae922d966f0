"""Search over hyper-parameters: many trainings, and a front of those that none beats.

A sweep's folder holds a run folder for each trial, and the queue of trials unless that is in a
database that many machines share. Whatever is killed goes on from there. Trials are judged on
validation: nothing here reads the test part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from latens.app import options
from latens.app.serving import serve
from latens.app.sweep_answer import Swept, answer, records, table_of
from latens.app.sweep_open import Sweep, file_of, opened, reopen, require_same_images, taken
from latens.app.sweep_params import Texts, parameters
from latens.app.sweep_plan import settle
from latens.app.sweep_spec import BUNDLES, Task
from latens.app.sweep_trial import Trials
from latens.app.telling import Tell, mute
from latens.app.training import next_run_path
from latens.app.warm_up import warm_up
from latens.choices import Mode
from latens.data.image_set import ImageSet
from latens.errors import Interrupted, UsageError, plural
from latens.progress import Progress, silent
from latens.report.table import Table
from latens.runs import commands
from latens.runs.folder import RunFolder, refuse_existing
from latens.search import judging, space
from latens.search import storage as stores
from latens.search.queue import Slot
from latens.train.records import Observer


def sweep(
    data: Any,
    task: Task,
    *,
    params: Texts,
    search: judging.Search = "tpe",
    trials: int | None = None,
    prune: judging.Prune | None = None,
    score: str | None = None,
    encoder: str | Path | None = None,
    mode: Mode | None = None,
    labels: int | None = None,
    out: str | Path | None = None,
    storage: str | None = None,
    study: str | None = None,
    heartbeat: int = stores.HEARTBEAT,
    work: bool = True,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
    **asked: Any,
) -> Swept:
    """Search over hyper-parameters of `latens.pretrain` or `latens.classify`.

    Args:
        data: as for them.
        task: which of them a trial is, ``"pretrain"`` or ``"classify"``.
        params: what to try by option, or by field of the spec (with dots), as text:
            ``{"filters": "16,32", "learning_rate": "1e-4..1e-2:log", "dropout": "0..0.5:0.1"}``;
            or lists of values: ``{"hidden": [(100,), (200, 100)]}``.
        search: ``"grid"`` tries every combination, ``"random"`` draws, ``"tpe"`` learns from
            what it has tried (Bergstra et al. 2011).
        trials: how many; 20 where nothing is said, all combinations of a grid.
        prune: ``"median"`` (not with a grid) stops trials that are worse than half of the others
            at the same point of their training, ``"hyperband"`` those of each bracket, ``"none"``
            none. Only the score counts: small codes may go first.
        score: the metric of validation to judge by; by default that of the objective.
        encoder, mode, labels: as for `classify`.
        out: the sweep's folder; by default the next free one under ``runs/``.
        storage: the URL of a database that other workers reach; by default a file in the folder.
        study: the sweep's name there; by default the folder's.
        heartbeat: seconds between signs of life; a worker is taken for dead after four.
        work: False only fills the queue, for workers to come.
        asked: fixed options of every training.

    Raises:
        UsageError, DataError: as for one training, before the first trial begins. A trial that
        cannot be trained is recorded as failed, with its reason, and the sweep goes on.
    """
    fixed = _fixed(task, encoder, mode, labels, asked)
    spec, images = settle(
        data, parameters(params, task), fixed,
        trains=task, search=search, trials=trials, prune=prune, score=score, heartbeat=heartbeat,
        progress=progress,
    )  # fmt: skip
    folder = Path(out) if out else next_run_path(images, "sweep")
    refuse_existing(folder)
    name = study or folder.absolute().name
    store = stores.connect(storage) if storage else None
    if store and name in [each.study_name for each in store.get_all_studies()]:
        raise taken(name, str(storage))
    run = RunFolder.create(folder, spec.model_dump(mode="json"), _about(images, storage, name), {})
    found = opened(run, spec, store or file_of(run), name)
    given = data if spec.data["source"] == options.ARRAY else None
    return _go(run, found, given, work, observers, progress, tell)


def resume(
    run: str | Path,
    data: Any = None,
    *,
    trials: int | None = None,
    storage: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
) -> Swept:
    """Go on with a sweep; with more `trials` than before, if so asked.

    `storage` is needed again where its URL has a password, `data` where it was arrays. `device`
    and `threads` may be others than before, for the trials that are trained now.

    Raises `UsageError` if the run is no sweep, `RunError` if its images have changed.
    """
    found = reopen(run, storage, trials)
    require_same_images(found.spec, data, progress)
    asked = {"device": device, "threads": threads}
    machine = {name: value for name, value in asked.items() if value is not None}
    return _go(RunFolder.open(run), found, data, True, observers, progress, tell, machine)


def table(run: str | Path, *, storage: str | None = None) -> Table:
    """The trials of a sweep as they stand now."""
    found = reopen(run, storage)
    return table_of(found.spec, records(found.spec, found.queue.slots()))


def report(run: str | Path, *, storage: str | None = None) -> Swept:
    """Draw the page of a sweep again, finished or not."""
    found = reopen(run, storage)
    return answer(RunFolder.open(run), found.spec, found.queue.study, found.queue.slots())


def _fixed(
    task: str,
    encoder: str | Path | None,
    mode: str | None,
    labels: int | None,
    asked: Mapping[str, Any],
) -> dict[str, Any]:
    """The options that every trial has in common, checked by name and type."""
    if task not in ("pretrain", "classify"):
        raise UsageError(
            f"Expected pretrain or classify, which a trial is; got {task!r}.",
            hint="Use --pretrain or --classify.",
            code="no-task",
        )
    own = {"encoder": encoder and str(Path(encoder).absolute()), "mode": mode, "labels": labels}
    found = {name: value for name, value in own.items() if value is not None}
    if task == "pretrain" and found:
        raise UsageError(
            f"Expected options of pretraining; got {', '.join('--' + name for name in found)}.",
            hint="Leave it out, or use --classify.",
            code="without-effect",
        )
    return {**options.named(asked, BUNDLES[task]), **found}


def _about(images: ImageSet, url: str | None, name: str) -> dict[str, Any]:
    return {
        "data": images.name,
        "data_fingerprint": images.fingerprint,
        "storage": stores.shown(url) if url else "",
        "password": bool(url) and stores.has_password(str(url)),
        "study": name,
    }


def _go(
    run: RunFolder,
    found: Sweep,
    data: Any,
    work: bool,
    observers: Sequence[Observer],
    progress: Progress,
    tell: Tell,
    machine: Mapping[str, Any] | None = None,
) -> Swept:
    spec, queue, own = found.spec, found.queue, machine or {}
    for line in _told(found):
        tell(line)
    if work:
        trials = Trials(spec, run.path, data, own, observers, progress)
        warm_up({**spec.fixed, **own})
        with _saying_how_to_go_on(run):
            serve(queue, found.job(trials), tell=tell, progress=progress)
    progress("drawing the page", 0, 1)
    with _saying_how_to_go_on(run):
        swept = answer(run, spec, queue.study, queue.slots())
    progress("drawing the page", 1, 1)
    return swept


@contextmanager
def _saying_how_to_go_on(run: RunFolder) -> Iterator[None]:
    """Ctrl-C in the block ends with the command that goes on, and draws the page again."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stopped:
        told = stopped.message if isinstance(stopped, Interrupted) else _UNDRAWN
        hint = f"Go on with: {commands.resume(run.path, run.spec())}"
        raise Interrupted(told, hint=hint) from None


_UNDRAWN = "Stopped before the page was drawn; all trials are saved."


def _told(found: Sweep) -> list[str]:
    spec = found.spec
    lines = [
        f"{plural(spec.trials, 'trial')} ({spec.search}), judged by the {spec.score} of "
        f"validation; folder {found.folder}",
        *_so_far(found.queue.slots()),
    ]
    if all(slot.done for slot in found.queue.slots().values()):
        return lines
    points = space.count(spec.space)
    if points is not None and points < spec.trials:
        lines.append(
            f"There are {plural(points, 'combination')} of these values: a trial whose values come "
            "again takes the score that they had, and is not trained. --search grid tries each "
            "once."
        )
    if spec.prune != "none":
        lines.append(
            f"Pruning ({spec.prune}): a trial that does worse than others at the same point is "
            "stopped; --prune none trains all to their end."
        )
    if found.queue.storage.engine.url.get_backend_name() != "sqlite":
        lines.append(f"More machines may help: {worker_command(found)}")
    return lines


def _so_far(slots: Mapping[str, Slot]) -> list[str]:
    """How many trials are done, where some are."""
    done = [slot.state for slot in slots.values() if slot.done]
    open_ = [slot for slot in slots.values() if not slot.done]
    begun = sum(slot.state == "running" or len(slot.rows) > 1 for slot in open_)
    if not done and not begun:
        return []
    kinds = [f"{done.count(kind):,} {kind}" for kind in ("complete", "pruned", "failed")]
    some = [kind for kind in kinds if not kind.startswith("0 ")]
    which = f" ({', '.join(some)})" if some else ""
    to_go = f"{len(open_):,} to go{f', {begun:,} of them begun' if begun else ''}"
    done_already = f"{len(done):,} of {len(slots):,} trials are done already{which}"
    return [f"{done_already}; {to_go if open_ else 'none is left'}."]


def worker_command(found: Sweep) -> str:
    """What to type on another machine; a password is left for the reader to fill in."""
    url = found.queue.storage.engine.url.render_as_string(hide_password=True)
    return f"latens worker --storage {quote(url)} --study {quote(found.name)}"
