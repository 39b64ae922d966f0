"""How a finished run does on the validation part of images that it need not have come with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latens.app.opening import read_data, require_finished, task_of
from latens.app.options import source_name
from latens.app.training import draw_split, load_trained, stored_split, with_labels
from latens.data.image_set import ImageSet
from latens.data.split import Split, require_classes
from latens.evaluation.autoencoder import reconstruction
from latens.evaluation.classification import classification
from latens.evaluation.logits import class_logits
from latens.progress import Progress, silent
from latens.runs.folder import RunFolder
from latens.spec import DataSpec, RunSpec, parse
from latens.train.device import place


def validated(
    run: str | Path,
    data: Any,
    *,
    split: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> dict[str, float]:
    """`mse` of an autoencoder, or `loss` and `accuracy` of a classifier; nothing is trained.

    The images of `data` are converted to the run's size and channels. Where the run was trained
    on these very images, its own validation part is asked; else one that is drawn as its spec
    says, and as the fields of `split`, such as `test_fraction`, say instead.

    Raises `UsageError` for a comparison, `RunError` for an unfinished run, `DataError` where the
    images do not suit it.
    """
    folder = RunFolder.open(run)
    task_of(folder, "pretrain", "classify")
    require_finished(folder)
    spec = parse(RunSpec, folder.spec())
    _, height, width = shape = folder.environment()["data_shape"]
    asked = {"source": source_name(data), "size": (height, width), "channels": shape[0]}
    drawn = spec.data.model_copy(update={**asked, **(split or {})})
    images = read_data(data, drawn, progress)
    if spec.task == "classify":
        require_classes(images)
    own = folder.environment().get("data_fingerprint") == images.fingerprint
    parts = stored_split(folder) if own else _drawn(spec, drawn, images)
    device = place(spec.train).device
    _, model = load_trained(folder, images)
    model.to(device).eval()
    if spec.task == "pretrain":
        values, _ = reconstruction(model, images, parts, device, progress=progress)
        return {"mse": values["mse"]}
    index = with_labels(images, parts.val)
    assert images.labels is not None
    logits = class_logits(model, images, index, device, progress)
    values, _ = classification(images.labels[index], logits, images.class_names)
    return {"loss": values["loss"], "accuracy": values["accuracy"]}


def _drawn(spec: RunSpec, data: DataSpec, images: ImageSet) -> Split:
    return draw_split(spec.model_copy(update={"data": data}), images)
