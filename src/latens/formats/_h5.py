"""Reading HDF5 files that may be damaged or hostile: what is asked for by name, and nothing else.

The file itself is opened in a process of its own (`_h5_apart`), which has a limit of time and
memory and copies what is wanted out of it; here only that copy is read.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.errors import DataError, UsageError

PATIENCE = 30.0  # seconds, and one more for each
RATE = 10e6  # bytes
APART = Path(__file__).with_name("_h5_apart.py")


@dataclass(frozen=True)
class Group:
    """A group of a file, by its path; the whole file is the group ``""``.

    Attributes:
        name: the file's name.
        folder: where the copy is. `index`: see `_h5_apart`.
    """

    name: str
    path: str
    folder: Path
    index: Mapping[str, Any]


def library() -> Any:
    """The package h5py. Raises `UsageError` with the extra to install where it is missing."""
    if find_spec("h5py") is None:
        raise UsageError(
            "Expected the package h5py for Keras files; it is not installed.",
            hint="Install it with: pip install 'latens[keras]'",
            code="no-h5py",
        )
    import h5py

    return h5py


@contextmanager
def opened(source: Path, name: str) -> Iterator[Group]:
    """A file's groups and arrays while the block runs; `name` is what a person calls the file.

    Raises `DataError` (``damaged-file``) if it cannot be read.
    """
    library()
    with tempfile.TemporaryDirectory() as folder:
        copy_apart(source, Path(folder), name)
        try:
            index = json.loads((Path(folder) / "index.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise damaged(name, "it cannot be read") from error
        yield Group(name, "", Path(folder), index)


def copy_apart(source: Path, folder: Path, name: str) -> None:
    """Run `_h5_apart`. Raises `DataError` if it fails, is ended, or takes too long."""
    patience = PATIENCE + source.stat().st_size / RATE
    command = [sys.executable, "-P", str(APART), str(source.resolve()), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=patience)
    except subprocess.TimeoutExpired as error:
        raise damaged(name, f"reading does not end ({patience:.0f} s)") from error
    if done.returncode:
        raise damaged(name, "a part of it cannot be read")


def damaged(name: str, why: str) -> DataError:
    """The error for a file that is not whole."""
    return DataError(
        f"Expected a whole Keras file; of {name}, {why}.",
        hint="Copy or save it again: it may have been cut off.",
        code="damaged-file",
    )


def group(parent: Group, path: str) -> Group | None:
    """The group at a path of names, or None if there is none.

    Raises `DataError` (``outside-file``) where a name is a link elsewhere.
    """
    whole = _joined(parent, path)
    _require_inside(parent, whole)
    found = whole in parent.index["groups"]
    return Group(parent.name, whole, parent.folder, parent.index) if found else None


def array(parent: Group, path: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """The numbers at a path, float32.

    Raises `DataError`: ``weights-disagree`` for another shape, ``damaged-file`` for none or for
    something else than numbers, ``outside-file`` and ``too-large`` for what no Keras file does,
    ``not-finite`` for NaN and infinity.
    """
    whole = _joined(parent, path)
    _require_inside(parent, whole)
    if whole not in parent.index["arrays"]:
        raise damaged(parent.name, f"the weights {whole} are missing or no numbers")
    file = parent.folder / f"{parent.index['arrays'][whole]}.npy"
    values: npt.NDArray[np.float32] = np.load(file, allow_pickle=False)
    if values.shape != shape:
        raise DataError(
            f"Expected weights of shape {shape} at {whole}; got {values.shape}.",
            hint="The weights belong to another network than the description beside them.",
            code="weights-disagree",
        )
    if not np.isfinite(values).all():
        raise DataError(
            f"Expected finite weights at {whole}; some are NaN or infinite.",
            hint="The training that made them had diverged: use an earlier save.",
            code="not-finite",
        )
    return values


def texts(parent: Group, name: str) -> list[str] | None:
    """A list of names in an attribute, or in its numbered pieces; None if it is not there."""
    held = parent.index["groups"][parent.path]
    pieces = sorted(
        (int(found[1]), found[0])
        for key in held
        if (found := re.fullmatch(rf"{name}(\d{{1,4}})", key))
    )
    listed = [held[key] for key in ([name] if name in held else [piece for _, piece in pieces])]
    if not listed:
        return None
    if not all(isinstance(part, list) for part in listed):
        raise damaged(parent.name, f"the list {name} is not one of names")
    return [one for part in listed for one in part]


def text(parent: Group, name: str) -> str | None:
    """A text in an attribute; None if it is not there, or is no text."""
    value = parent.index["groups"][parent.path].get(name)
    return value if isinstance(value, str) else None


def _joined(parent: Group, path: str) -> str:
    return "/".join(part for part in (*parent.path.split("/"), *path.split("/")) if part)


def _require_inside(parent: Group, whole: str) -> None:
    """Raise `DataError` if what lies at a path, or on the way there, was not to be read."""
    names = whole.split("/")
    for count in range(1, len(names) + 1):
        refused = parent.index["refused"].get(here := "/".join(names[:count]))
        if refused is None:
            continue
        kind, detail = refused
        if kind == "outside":
            raise DataError(
                f"Expected weights in the file itself; {here} is a link to somewhere else.",
                hint="No Keras file has one: get it anew from where it came from.",
                code="outside-file",
            )
        if kind == "too-large":
            raise DataError(
                f"Expected weights that fill their place; {here} would become {detail}.",
                hint="No Keras file is like that: get it anew from where it came from.",
                code="too-large",
            )
        if kind == "no-numbers":
            raise damaged(parent.name, f"{here} holds {detail} where numbers should be")
        raise damaged(parent.name, f"{here} cannot be read")
