"""Opening a run again: is it of the right kind, finished, and are its images still the same?"""

from __future__ import annotations

from typing import Any

from latens.app.options import ARRAY
from latens.data.image_set import ImageSet
from latens.data.load import load
from latens.errors import RunError, UsageError
from latens.progress import Progress, silent
from latens.runs import commands
from latens.runs.folder import RunFolder
from latens.spec import DataSpec

_KINDS = {
    "pretrain": "an autoencoder's run",
    "classify": "a classifier's run",
    "compare": "a comparison",
    "study": "a study",
    "sweep": "a sweep",
}


def task_of(run: RunFolder, *allowed: str) -> str:
    """What a run was made by: pretrain, classify or compare.

    Raises `UsageError` if that is none of `allowed`; the hint is the command for this kind.
    """
    task = str(run.spec().get("task"))
    if task not in allowed:
        wanted = " or ".join(_KINDS[name] for name in allowed)
        raise UsageError(
            f"Expected {wanted}; {run.path} is {_KINDS.get(task, 'of another kind')}.",
            hint=f"'latens runs show {run.path}' tells what it is.",
            code="other-kind",
        )
    return task


def require_finished(run: RunFolder) -> None:
    """Raise `RunError` if a training has not come to its end: its weights are not the last ones."""
    failed = run.failure()
    if failed:
        raise RunError(
            f"Expected a finished run; the training of {run.path} failed: {failed['reason']}",
            hint=failed["hint"] or "Train it again under another name.",
            code="failed-run",
        )
    if not run.finished:
        raise RunError(
            f"Expected a finished run; the training of {run.path} has not come to its end.",
            hint=f"Go on with: {commands.resume(run.path, run.spec())}",
            code="unfinished-run",
        )


def data_of(run: RunFolder, spec: DataSpec, data: Any, progress: Progress = silent) -> ImageSet:
    """The very images that a run was made with, read from `data` or from where they were.

    A run that was imported without images takes any.

    Raises `UsageError` if the run was made from arrays or imported and none are given, `RunError`
    if the images have changed.
    """
    if data is None and spec.source == ARRAY:
        raise UsageError(
            f"Expected the images again, because {run.path} was made from arrays; got none.",
            hint="Pass them as data=; on the command line name a file or folder that holds them.",
            code="no-data",
        )
    if data is None and not spec.source:
        raise UsageError(
            f"Expected images for {run.path}, which was imported without any; got none.",
            hint="Name them: --data DATA on the command line, data= in Python.",
            code="no-data",
        )
    images = read_data(spec.source if data is None else data, spec, progress)
    if spec.source:
        require_same_data(run, images)
    return images


def read_data(data: Any, spec: DataSpec, progress: Progress = silent) -> ImageSet:
    """The image set that a spec describes; `data` is what it is read from."""
    return load(data, size=spec.size, channels=spec.channels, keep=spec.keep, progress=progress)


def require_same_data(run: RunFolder, images: ImageSet) -> None:
    """Raise `RunError` unless `images` is the very set that the run was made with."""
    before = run.environment().get("data_fingerprint")
    if before != images.fingerprint:
        raise RunError(
            f"Expected the images that {run.path} was made with (fingerprint {str(before)[:12]}); "
            f"{images.name} has fingerprint {images.fingerprint[:12]}.",
            hint="Import the Keras file again, with --data or without: then it takes any images."
            if run.spec().get("imported")
            else "Put the original files back, or train anew.",
            code="other-data",
        )
