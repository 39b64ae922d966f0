"""Copies what is wanted of an HDF5 file, in a process of its own: a program for `_h5.opened`.

A damaged file can make the library that reads it run on for ever, or end its process; the caller
notices both. Started as `python _h5_apart.py FILE FOLDER`, it leaves in FOLDER
  index.json       {"groups": {path: {attribute: text or texts}}, "arrays": {path: number},
                   "refused": {path: [kind, detail]}}
  <number>.npy     each float32
It imports h5py and numpy alone, follows no link but the plain ones of the file itself, and reads
no data that lies elsewhere or would grow beyond belief.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

BLOWN_UP = 200  # times its place in the file; Keras does not compress, h5repack rarely by 4
FREE = 1 << 24  # bytes that are no matter anyway
MOST = 100_000  # objects, and names in a list
DEEPEST = 60
SKIPPED = {"optimizer_weights", "optimizer", "_optimizer"}
WANTED = re.compile(r"(model_config|keras_version|latens_version|(layer|weight)_names\d{0,4})$")


class Copy:
    """Copies an open file into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.groups: dict[str, dict[str, Any]] = {}
        self.arrays: dict[str, int] = {}
        self.refused: dict[str, list[str]] = {}
        self._seen: set[Any] = set()

    def group(self, group: h5py.Group, path: str, depth: int = 0) -> None:
        """A group and all below it; one that was seen before is not entered again."""
        if depth > DEEPEST or len(self.groups) + len(self.arrays) + len(self.refused) > MOST:
            raise ValueError("more objects than any model has")
        self.groups[path] = attributes(group)
        key = h5py.h5o.get_info(group.id).addr
        if key in self._seen:
            return
        self._seen.add(key)
        for name in group:
            if depth or name not in SKIPPED:
                self._child(group, name, f"{path}/{name}".lstrip("/"), depth)

    def _child(self, group: h5py.Group, name: str, path: str, depth: int) -> None:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            self.refused[path] = ["outside", ""]
            return
        try:
            child = group[name]
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            self.refused[path] = ["unreadable", str(error)[:100]]
            return
        if isinstance(child, h5py.Group):
            self.group(child, path, depth + 1)
        elif isinstance(child, h5py.Dataset):
            self._array(child, path)

    def _array(self, found: h5py.Dataset, path: str) -> None:
        reason = wrong(found)
        if reason:
            self.refused[path] = reason
            return
        try:
            values = np.asarray(found[()], dtype=np.float32)
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            self.refused[path] = ["unreadable", str(error)[:100]]
            return
        self.arrays[path] = number = len(self.arrays)
        np.save(self.folder / f"{number}.npy", values, allow_pickle=False)


def wrong(found: h5py.Dataset) -> list[str] | None:
    """Why a dataset is not read: its kind of mistake and a detail; None if it is."""
    if found.is_virtual or found.external:
        return ["outside", ""]
    if found.dtype.kind not in "fiu" or found.shape is None:
        return ["no-numbers", str(found.dtype)[:60]]
    stored = found.id.get_storage_size()
    if found.nbytes > max(FREE, BLOWN_UP * stored):
        return ["too-large", f"{found.nbytes / 1e6:,.0f} MB out of {stored:,} bytes"]
    return None


def attributes(group: h5py.Group) -> dict[str, Any]:
    """The attributes that Keras needs: texts, and lists of texts. Others are left alone."""
    found: dict[str, Any] = {}
    for name in [str(name) for name in group.attrs if WANTED.match(str(name))]:
        kind = group.attrs.get_id(name)
        count = 0 if kind.shape is None else int(np.prod(kind.shape, dtype=np.float64))
        if count > MOST:
            continue
        if kind.dtype.kind not in "SO":  # Keras writes an empty list as one of numbers
            found[name] = None if count else []
            continue
        with suppress(OSError, RuntimeError, ValueError, TypeError):
            found[name] = texts(group.attrs[name], kind.shape == ())
    return found


def texts(value: Any, alone: bool) -> Any:
    """A text or a list of texts as plain strings. Raises `ValueError` for anything else."""
    listed = [value] if alone else np.asarray(value).ravel().tolist()
    plain = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in listed]
    if not all(isinstance(one, str) for one in plain):
        raise ValueError("not a text")
    return str(plain[0]) if alone else plain


def limit_memory(size: int) -> None:
    """A file of this many bytes needs so much at most; where the system knows limits."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        most = (4 << 30) + 8 * size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def copy(source: Path, folder: Path) -> None:
    """Copy what is wanted of `source` into `folder`."""
    with h5py.File(source, "r") as file:
        made = Copy(folder)
        made.group(file, "")
    index = {"groups": made.groups, "arrays": made.arrays, "refused": made.refused}
    (folder / "index.json").write_text(json.dumps(index), "utf-8")


if __name__ == "__main__":
    limit_memory(Path(sys.argv[1]).stat().st_size)
    copy(Path(sys.argv[1]), Path(sys.argv[2]))
