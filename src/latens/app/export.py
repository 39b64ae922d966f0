"""Write a run's network for other programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from latens import catalog
from latens.app.load import load
from latens.errors import UsageError, unknown_name
from latens.formats import _model
from latens.formats._chain import Chain
from latens.spec import RunSpec
from latens.spec.layers import every

Part = Literal["encoder", "autoencoder", "classifier"]
PARTS: tuple[Part, ...] = ("encoder", "autoencoder", "classifier")


@dataclass(frozen=True)
class Exported:
    """A network in a file of another program.

    Attributes:
        run: the run's folder. file: what was written, in the format `to`.
        part: what of the run: encoder, autoencoder or classifier.
        layers: how many. image_shape: channels, height and width of its images.
        bytes: the file's size.
        notes: what differs from the run.
    """

    run: str
    file: str
    to: str
    part: str
    layers: int
    image_shape: tuple[int, int, int]
    bytes: int
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """A run's network as a chain, and which part of the run it is."""

    chain: Chain
    part: Part


def export(
    run: str | Path, file: str | Path, *, to: str = "keras", part: Part | None = None
) -> Exported:
    """Write a finished run's network into a file that another program loads.

    Args:
        run: the run's folder.
        file: the file to make; its ending is the format's (``.keras`` or ``.h5``).
        to: the format.
        part: ``"autoencoder"`` (an autoencoder's default), ``"classifier"`` (a classifier's), or
            ``"encoder"``.

    Images go in as floats from 0 to 1. An autoencoder gives such images back, a classifier the
    probability of each class.

    Raises:
        UsageError: an unknown format or part, or a network that the format cannot hold (code
            ``not-applicable``, with the reason). RunError: no such run, not finished, or `file`
            exists. TrainingError: a full disk.
    """
    room, path = catalog.load("formats", to), Path(file)
    _refuse(path)
    found = chain_of(run, part)
    room.write(found.chain, path)
    return Exported(
        run=str(run), file=str(path), to=to, part=found.part,
        layers=len(list(every(found.chain.layers))), image_shape=found.chain.image_shape,
        bytes=path.stat().st_size, notes=list(found.chain.notes),
    )  # fmt: skip


def chain_of(run: str | Path, part: Part | None = None) -> Found:
    """The network of a finished run as a chain. Raises what `export` raises of a run."""
    if part is not None and part not in PARTS:
        raise unknown_name("part", part, PARTS)
    opened = load(run)
    chosen = part or _default(opened.spec)
    chain = _model.chain(opened.model, opened.spec, opened.image_shape, chosen)
    imported = opened.spec.imported
    return Found(replace(chain, written_by=imported.written_by if imported else ""), chosen)


def _default(spec: RunSpec) -> Part:
    return "classifier" if spec.task == "classify" else "autoencoder"


def _refuse(path: Path) -> None:
    if path.exists():
        raise UsageError(
            f"Expected the name of a new file; {path} exists already.",
            hint="Choose another name, or remove it.",
            code="file-exists",
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"Expected a folder for the file; there is none at {path.parent}.",
            hint="Make it first.",
            code="no-folder",
        )
