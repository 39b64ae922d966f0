"""Classify a user's own pictures with a trained run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from latens.app.opening import require_finished, task_of
from latens.app.training import build_model
from latens.data.image_set import ImageSet
from latens.data.load import load
from latens.data.pictures import read_files
from latens.data.tree import FolderTree, is_picture
from latens.errors import DataError
from latens.evaluation.logits import class_logits
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder
from latens.spec import RunSpec, parse
from latens.train import checkpoint
from latens.train.device import place


@dataclass(frozen=True)
class Prediction:
    """One picture: its most probable class, how sure (0 to 1), and every class's probability."""

    file: str
    label: str
    confidence: float
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


def predict(
    run: str | Path,
    pictures: Sequence[str | Path] | Any,
    *,
    device: str = "auto",
    refused: Callable[[str, str], object] | None = None,
    progress: Progress = silent,
) -> list[Prediction]:
    """Classify pictures, resized and converted as the run's images were.

    Args:
        run: a classifier's run.
        pictures: picture files, folders of them, or uint8 images `[N, C, H, W]`.
        refused: called with the name of a file that cannot be read, and why; the others are
            classified. Without it such a file is an error.

    Raises:
        UsageError: the run is not a classifier. RunError: it is not finished.
        DataError: a picture that cannot be read; with `refused` only if none can.
    """
    folder = RunFolder.open(run)
    task_of(folder, "classify")
    require_finished(folder)
    spec = parse(RunSpec, folder.spec())
    shape, names = folder.environment()["data_shape"], folder.environment()["class_names"]
    channels, height, width = (int(n) for n in shape)
    files, images = _read(pictures, (height, width), channels, refused, progress)
    template = ImageSet(images.images[:1], np.zeros(1, np.int64), tuple(names), name=images.name)
    model = build_model(spec, template)
    checkpoint.load_model(folder, model)
    where = place(spec.train.model_copy(update={"device": device})).device
    every = np.arange(len(images))
    probabilities = softmax(class_logits(model.to(where), images, every, where, progress), axis=1)
    return [_prediction(f, row, names) for f, row in zip(files, probabilities, strict=True)]


def _read(
    pictures: Any,
    size: tuple[int, int],
    channels: int,
    refused: Callable[[str, str], object] | None,
    progress: Progress,
) -> tuple[list[str], ImageSet]:
    if isinstance(pictures, np.ndarray | ImageSet):
        images = load(pictures, size=size, channels=channels)
        return [str(i) for i in range(len(images))], images
    files = _files([pictures] if isinstance(pictures, str | Path) else pictures)
    progress("reading pictures", 0, len(files))
    bad: dict[str, str] = {}
    note = None if refused is None else bad.__setitem__
    pixels = read_files(files, size=size, channels=channels, refused=note)
    for name, why in bad.items():
        assert refused is not None
        refused(name, why)
    return [str(file) for file in files if str(file) not in bad], ImageSet(pixels, name="pictures")


def _files(pictures: Sequence[str | Path]) -> list[Path]:
    """The files named, and those in the folders named, in a fixed order."""
    files: list[Path] = []
    for path in map(Path, pictures):
        if path.is_dir():
            files += [path / name for name in FolderTree(path).files() if is_picture(name)]
        elif path.is_file():
            files.append(path)
        else:
            raise DataError(
                f"Expected a picture or a folder of pictures; there is nothing at {path}.",
                hint="Check the path.",
                code="no-file",
            )
    if not files:
        raise DataError(
            "Expected at least one picture; the folders named have none.",
            hint="Name picture files (PNG, JPEG, ...).",
            code="no-images",
        )
    return files


def _prediction(file: str, row: Any, names: Sequence[str]) -> Prediction:
    best = int(row.argmax())
    return Prediction(
        file=file,
        label=names[best],
        confidence=float(row[best]),
        probabilities={name: float(p) for name, p in zip(names, row, strict=True)},
    )
