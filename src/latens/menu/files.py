"""Models in and out of a session: run folders, and the files that Keras reads and writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from latens.errors import LatensError, UsageError
from latens.menu.numbers import Numbers
from latens.menu.session import Model, Session
from latens.runs import atomic
from latens.runs.folder import RunFolder, refuse_existing

KERAS = (".h5", ".hdf5", ".keras")


def is_keras(path: Path) -> bool:
    """Whether the name says that it is a file of Keras."""
    return path.suffix.lower() in KERAS


def opened(session: Session, typed: str, task: str, name: str = "model") -> Path:
    """The run at a path, or one called `name`-N of a Keras file, which is read and never run.

    Raises `RunError` or `UsageError` if there is none, if it is not of this `task`, or unfinished.
    """
    path = Path(typed).expanduser()
    if path.is_dir():
        return _checked(path, task)
    if not path.is_file() or not is_keras(path):
        came = "there is nothing" if not path.exists() else "it is another file"
        raise UsageError(
            f"Expected a run folder, or a file that ends in .h5 or .keras, at {path}; {came}.",
            hint="Check the path.",
            code="no-model",
        )
    with session.working() as watch:
        watch.progress("reading the model", 0, 1)
        from latens.app.keras_files import import_keras

        imported = import_keras(path, out=session.free(name), tell=watch.tell)
    try:
        return _checked(Path(imported.run), task)
    except LatensError:
        shutil.rmtree(imported.run)
        raise


def load(session: Session, run: Path, task: str, known: Numbers) -> None:
    """See how a run does on validation, and add it to the session's models."""
    with session.working() as watch:
        from latens.app.validated import validated

        values = validated(run, session.data, split=session.split, progress=watch.progress)
    scores = {f"val_{name}": value for name, value in values.items()}
    model = session.add(run, task, known, scores)
    shown = ", ".join(f"{name.replace('_', ' ')} {value:.5g}" for name, value in scores.items())
    session.say(f"Loaded {run} as {model.name}: {shown}")


def save(session: Session, model: Model, typed: str) -> Path:
    """Save a model to a new run folder, or to a file that Keras loads if it is named so.

    Raises `RunError` if something is there already, `UsageError` for a network that Keras does
    not have.
    """
    path = Path(typed).expanduser()
    if is_keras(path):
        with session.working() as watch:
            watch.progress("writing the model", 0, 1)
            from latens.app.export import export

            exported = export(model.run, path, to="keras")
        for note in exported.notes:
            session.say(f"Note: {note}")
    else:
        _copy(model.run, path)
    session.say(f"Saved {model.name} to {path}")
    return path


def _checked(path: Path, task: str) -> Path:
    from latens.app.opening import require_finished, task_of

    run = RunFolder.open(path)
    task_of(run, task)
    require_finished(run)
    return path


def _copy(run: Path, path: Path) -> None:
    """A second folder of the same run; it is there whole or not at all."""
    refuse_existing(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with atomic.told_if_full(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(run, draft)
            draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
