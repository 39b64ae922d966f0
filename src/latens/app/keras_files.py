"""Read a model that Keras saved into a run of ours."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latens.app.export import chain_of
from latens.app.opening import read_data
from latens.app.options import source_name
from latens.app.telling import Tell, mute, notes
from latens.app.training import build_model, draw_split, environment, next_run_path
from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.data.split import Split, require_classes
from latens.errors import DataError, plural
from latens.formats import keras
from latens.formats._chain import Chain, fill
from latens.formats._split import Parts, split
from latens.nn.chain.shapes import in_words
from latens.nn.model import Model, count_parameters
from latens.nn.networks.layers import without
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.runs import atomic
from latens.runs.folder import RunFolder, refuse_existing
from latens.spec import (
    ClassifySpec,
    DataSpec,
    LayersHeadSpec,
    LayersSpec,
    ReconstructSpec,
    RunSpec,
)
from latens.spec import (
    Imported as Origin,
)
from latens.spec.layers import every
from latens.train import checkpoint
from latens.train.device import place
from latens.train.state import State


@dataclass(frozen=True)
class Imported:
    """A model of Keras that is a run now.

    Attributes:
        run: its folder.
        task: "pretrain" for an autoencoder, "classify" for a classifier.
        encoder_end: the layer that is the encoder's last, and `why` it is that.
        code: how many numbers the encoder keeps of an image; `pixels` of how many.
        classes: how many classes it names; 0 for an autoencoder.
        layers, parameters: how many there are.
        image_shape: channels, height and width of its images.
        written_by: Keras or latens, with its version; `ours` if that is latens.
        notes: what was done to make it a run; `findings` as for any run.
    """

    run: str
    task: str
    encoder_end: str
    why: str
    code: int
    pixels: int
    classes: int
    layers: int
    parameters: int
    image_shape: tuple[int, int, int]
    written_by: str
    ours: bool
    notes: list[str]
    findings: list[dict[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


def import_keras(
    file: str | Path,
    *,
    out: str | Path | None = None,
    data: Any = None,
    encoder_end: str | None = None,
    like: str | Path | None = None,
    size: tuple[int, int] | None = None,
    progress: Progress = silent,
    tell: Tell = mute,
) -> Imported:
    """Make a run of a model that Keras 2 or 3 saved; nothing in the file is executed.

    Args:
        file: a ``.keras`` or ``.h5`` file of a whole model, or of weights alone (see `like`).
        out: the run folder to make; by default the next free one under ``runs/``.
        data: images that the run belongs to, so that it can be evaluated without naming them. Its
            network decides their size and channels.
        encoder_end: the name of the encoder's last layer; by default the first narrowest tensor.
        like: what weights alone belong to: a run, another Keras file, or the JSON of
            ``model.to_json()``.
        size: height and width of the images where the file leaves them open.
        tell: called with a line at a time, such as ``print``.

    Raises:
        DataError: a file that is damaged or hostile, or a model that latens cannot hold (custom
            objects and Lambda layers, which would be code; layers that merge).
        UsageError: an unknown layer, or weights without a description. RunError: `out` exists.
    """
    path = Path(file)
    if out is not None:
        refuse_existing(Path(out))
    progress("reading the file", 0, 1)
    chain = keras.read(path, size=size, like=_likeness(like))
    parts = split(chain, encoder_end)
    progress("reading the file", 1, 1)
    images, asked = _images(chain, parts, data, progress)
    notes(images, tell)
    spec = _spec(path, chain, parts, asked)
    model = _model(spec, images, parts)
    folder = Path(out) if out is not None else next_run_path(images, "keras")
    _write(folder, spec, model, images, data is not None)
    found = _found(folder, spec, model, images, chain, parts, data is not None)
    _announce(found, tell)
    return found


def _likeness(like: str | Path | None) -> Chain | Path | None:
    """A run's network, or a file that describes one."""
    if like is None:
        return None
    path = Path(like)
    if path.name == "spec.json":
        path = path.parent
    return chain_of(path).chain if (path / "spec.json").is_file() else path


def _images(chain: Chain, parts: Parts, data: Any, progress: Progress) -> tuple[ImageSet, DataSpec]:
    """The images, or one blank one in their place, and how they are asked for."""
    channels, height, width = chain.image_shape
    if not 1 <= channels <= 4:
        raise DataError(
            f"Expected a model of images of 1 to 4 channels; this one reads {channels}.",
            hint="latens imports networks that read images.",
            code="bad-channels",
        )
    asked = DataSpec(
        source="" if data is None else source_name(data), size=(height, width), channels=channels
    )
    if data is None:
        blank = np.zeros((1, channels, height, width), np.uint8)
        names = tuple(str(number) for number in range(parts.classes))
        return ImageSet(blank, np.zeros(1, np.int64), names, name="imported"), asked
    images = read_data(data, asked, progress)
    if parts.task == "classify":
        require_classes(images)
        if len(images.class_names) != parts.classes:
            raise DataError(
                f"Expected images of {parts.classes} classes, as the model names; {images.name} "
                f"has {len(images.class_names)}.",
                hint="Give the images that it was trained for, or none.",
                code="classes-disagree",
            )
    return images, asked


def _spec(file: Path, chain: Chain, parts: Parts, data: DataSpec) -> RunSpec:
    classifier = parts.task == "classify"
    return RunSpec(
        task=parts.task,
        data=data,
        encoder=LayersSpec(encoder=parts.encoder, decoder=() if classifier else parts.rest),
        objective=ClassifySpec() if classifier else ReconstructSpec(),
        head=LayersHeadSpec(layers=parts.rest) if classifier else None,
        phases=(),
        imported=Origin(
            format="keras", file=file.name, sha256=_sha256(file), written_by=chain.written_by,
            encoder_end=parts.end,
        ),
    )  # fmt: skip


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _model(spec: RunSpec, images: ImageSet, parts: Parts) -> Model:
    """The model of the spec with the weights of the file."""
    model = build_model(spec, images)
    fill(model.encoder, parts.encoder, parts.weights)
    if parts.task == "classify":
        fill(model.head, without(parts.rest, "softmax"), parts.weights)  # type: ignore[arg-type]
    else:
        fill(model.decoder, without(parts.rest, "sigmoid"), parts.weights)  # type: ignore[arg-type]
    return model.eval()


def _write(folder: Path, spec: RunSpec, model: Model, images: ImageSet, known: bool) -> None:
    """Make the run folder, complete, under another name, and move it into place."""
    refuse_existing(folder)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.import")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        run = RunFolder.create(
            draft, spec.model_dump(mode="json"), _environment(spec, model, images, known),
            _split(spec, images, known),
        )  # fmt: skip
        checkpoint.save_checkpoint(run, State(), model, None)
        assert spec.imported is not None
        origin = {"imported": spec.imported.file, "ours": spec.imported.ours}
        run.write_result("training", {"val": {}, **origin}, {})
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    atomic.sync_folder(folder.parent)


def _environment(spec: RunSpec, model: Model, images: ImageSet, known: bool) -> dict[str, Any]:
    """As of a training, without images where none were given."""
    full = environment(images, place(spec.train), model)
    if known:
        return full
    classes = full["class_names"] if spec.task == "classify" else []
    return {
        **full, "data": "", "data_images": 0, "data_fingerprint": "", "data_notes": [],
        "class_names": classes,
    }  # fmt: skip


def _split(spec: RunSpec, images: ImageSet, known: bool) -> dict[str, Any]:
    none = np.zeros(0, np.int64)
    parts = draw_split(spec, images) if known else Split(none, none, none, none)
    return {name: getattr(parts, name) for name in ("train", "val", "test", "labelled")}


def _found(
    folder: Path, spec: RunSpec, model: Model, images: ImageSet, chain: Chain, parts: Parts,
    known: bool,
) -> Imported:  # fmt: skip
    """Findings and the report, and what there is to tell."""
    run = RunFolder.open(folder)
    pixels = int(np.prod(chain.image_shape))
    code = {"code_size": model.code_size, "pixels": pixels} if spec.task == "pretrain" else {}
    context = Context(spec=spec, images=images if known else None, **code)  # type: ignore[arg-type]
    told = [finding.to_dict() for finding in run_checks(context)]
    run.write_result("findings", {"findings": told}, {})
    build_report(run)
    return Imported(
        run=str(folder), task=spec.task, encoder_end=parts.end, why=parts.why,
        code=model.code_size, pixels=pixels, classes=parts.classes,
        layers=len(list(every(chain.layers))), parameters=count_parameters(model),
        image_shape=chain.image_shape, written_by=chain.written_by,
        ours=bool(spec.imported and spec.imported.ours), notes=list(parts.notes), findings=told,
    )  # fmt: skip


def _announce(found: Imported, tell: Tell) -> None:
    what = f"a classifier of {found.classes} classes" if found.classes else "an autoencoder"
    size = in_words(found.image_shape)
    by = f"Exported by {found.written_by}" if found.ours else found.written_by
    tell(
        f"{by}: {what} for images of {size}, {plural(found.layers, 'layer')}, "
        f"{found.parameters:,} parameters"
    )
    tell(
        f"The encoder ends at {found.encoder_end} ({plural(found.code, 'number')}, {found.why}); "
        "--encoder-end LAYER says otherwise."
    )
    _each(found.notes, tell)


def _each(lines: Sequence[str], tell: Tell) -> None:
    for line in lines:
        tell(f"Note: {line}")
