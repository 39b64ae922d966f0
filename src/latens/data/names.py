"""From a name to a place: an existing path, `$LATENS_DATA`, the cache, the system, a download."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from latens.data import download
from latens.data.download import REMOTES
from latens.errors import DataError, unknown_name
from latens.progress import Progress, silent

SYSTEM = Path("/usr/share/datasets")
BUILT_IN = {"digits": "1,797 handwritten digits of 8x8 pixels, from scikit-learn"}

# What may follow a name in one of the folders; a pack is the quickest to open, so it comes first.
_ENDINGS = (".pack", "", ".tar", ".tar.xz", ".tar.gz", ".tgz", ".tar.bz2", ".zip", ".npz", ".npy")


@dataclass(frozen=True)
class Named:
    """A name that `find` understands.

    Attributes:
        name: what to type.
        where: its path, ``"built in"``, or ``"download"``.
        description: one line.
        size: bytes on disk or to download; None if built in, or folders within a folder.
    """

    name: str
    where: str
    description: str
    size: int | None


def find(name: str | Path, progress: Progress = silent) -> Path:
    """The path that `name` means; a known set that is nowhere is downloaded to the cache.

    A built-in set has its name as path. Raises `UsageError` for an unknown name, with the known
    ones; `DataError` if a path does not exist or a download fails.
    """
    found = _at_hand(name)
    if found is None:
        remote = REMOTES[str(name)]
        return download.fetch(remote, download.cache() / remote.name, progress)
    return found


def require(name: str | Path) -> None:
    """Raise as `find` does for what means nothing; nothing is fetched or read."""
    _at_hand(name)


def _at_hand(name: str | Path) -> Path | None:
    """The path that `name` means; None where it has to be fetched."""
    path = Path(name).expanduser()
    if path.exists():
        return path
    if isinstance(name, Path) or _looks_like_path(name):
        raise _no_such_path(path, str(name))
    if name in BUILT_IN:
        return Path(name)
    for folder in folders():
        if found := _in_folder(folder, name):
            return found
    if name not in REMOTES:
        raise unknown_name("data set", name, {named.name for named in known()})
    return None


def _no_such_path(path: Path, typed: str) -> DataError:
    """Where the path ends: the nearest folder that there is, and what in it is called alike."""
    there = next(parent for parent in path.absolute().parents if parent.is_dir())
    wanted = path.absolute().relative_to(there).parts[0]
    inside = [file.name for file in there.iterdir()] if os.access(there, os.R_OK) else []
    near = difflib.get_close_matches(wanted, inside, n=1)
    place = "this folder" if there == Path.cwd() else f"the folder {os.path.normpath(there)}"
    came = f"there is no {typed}"
    if there != path.absolute().parent:
        came += f", nor a folder {wanted} in {place}"
    return DataError(
        f"Expected an existing file or folder; {came}.",
        hint=f"Did you mean {_beside(path, there, near[0])}?"
        if near
        else "Check the path; 'latens data list' shows what goes by name.",
        code="no-such-path",
    )


def _beside(path: Path, there: Path, near: str) -> Path:
    """The path as it was typed, up to the part that is not there, and that part's near name."""
    depth = len(path.absolute().relative_to(there).parts)
    start = Path(*path.parts[:-depth]) if depth < len(path.parts) else Path()
    return start / near


def known() -> list[Named]:
    """All names, sorted: built in, found in the folders, or to be downloaded."""
    found = {name: Named(name, "built in", text, None) for name, text in BUILT_IN.items()}
    for folder in folders():
        for name in _names_in(folder):
            path = _in_folder(folder, name)
            if path and name not in found:
                found[name] = Named(name, str(path), _describe(name, path), _bytes(path))
    for name, remote in REMOTES.items():
        found.setdefault(name, Named(name, "download", remote.description, remote.size))
    return [found[name] for name in sorted(found)]


def folders() -> list[Path]:
    """Where names are looked for, in this order: `$LATENS_DATA`, the cache, the system's data."""
    asked = [Path(part) for part in os.environ.get("LATENS_DATA", "").split(os.pathsep) if part]
    return [*asked, download.cache(), SYSTEM]


def _looks_like_path(name: str) -> bool:
    return any(mark in name for mark in ("/", os.sep)) or name.startswith((".", "~"))


def _in_folder(folder: Path, name: str) -> Path | None:
    """The first of ``name.pack``, ``name``, ``name.tar`` ... in `folder`; a download only whole."""
    for ending in _ENDINGS:
        path = folder / f"{name}{ending}"
        if path.exists() and not (folder == download.cache() and _partial(path)):
            return path
    return None


def _partial(path: Path) -> bool:
    remote = REMOTES.get(path.name)
    return remote is not None and not remote.complete(path)


def _names_in(folder: Path) -> Iterator[str]:
    """Names of the folders and archives directly in `folder`."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        ending = next((e for e in _ENDINGS if e and path.name.lower().endswith(e)), "")
        if not path.name.startswith(".") and (path.is_dir() or ending):
            yield path.name[: len(path.name) - len(ending)]


def _describe(name: str, path: Path) -> str:
    if name in REMOTES:
        return REMOTES[name].description
    if path.suffix == ".pack":
        return "pack"
    return "folder" if path.is_dir() else "archive"


def _bytes(path: Path) -> int | None:
    """Bytes of a file or a folder of files; None for nested folders, which take long."""
    if path.is_file():
        return path.stat().st_size
    inside = list(path.iterdir())
    nested = any(file.is_dir() for file in inside)
    return None if nested else sum(file.stat().st_size for file in inside)
