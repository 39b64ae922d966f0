"""Named files, whether they lie in a folder or in an archive. Nothing is ever unpacked to disk.

Names inside an archive are only compared and shown, never used as paths. Three limits keep a
malicious archive harmless: `MEMBER_LIMIT` bytes for one file, `PICTURE_LIMIT` for one picture,
and for all files together `RATIO_LIMIT` times the archive's size (but at least `FLOOR` bytes).
"""

from __future__ import annotations

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from latens.errors import DataError

MEMBER_LIMIT = 4 << 30
PICTURE_LIMIT = 256 << 20
RATIO_LIMIT = 200
FLOOR = 4 << 30
KEPT = 512 << 20  # a packed tar is kept in memory up to here, else unpacked a second time

Load = Callable[[], bytes]


class Tree(Protocol):
    """Files by their relative names, with ``/`` between folders."""

    path: Path

    def files(self) -> list[str]:
        """All names, sorted; hidden files and system litter are left out."""

    def read(self, name: str) -> bytes:
        """The content of one file; OSError if it cannot be read."""

    def stream(self, names: Collection[str]) -> Iterator[tuple[str, Load]]:
        """The wanted files in the order in which they are stored, each with a way to read it."""


def open_tree(path: Path) -> Tree:
    """The files of a folder, a zip or a tar."""
    if path.is_dir():
        return FolderTree(path)
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04" or path.suffix.lower() == ".zip"
    return ZipTree(path) if zipped else TarTree(path)


def clean(name: str) -> str | None:
    """A member's name without ``.``, ``..`` and ``/`` at its start; None for litter."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    parts = tuple(part for part in parts if part not in ("/", "..", "."))
    return "/".join(parts) if parts and not any(map(_litter, parts)) else None


def _litter(part: str) -> bool:
    """Whether a file or folder of this name is hidden, or left there by a system."""
    return part.startswith(".") or part == "__MACOSX"


class FolderTree:
    """The files below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> list[str]:
        """All names, sorted. Links to files are followed, links to folders are not."""
        found = []
        for folder, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if not _litter(name)]
            inside = Path(folder).relative_to(self.path).as_posix()
            shown = [name for name in names if not _litter(name)]
            found += shown if inside == "." else [f"{inside}/{name}" for name in shown]
        return sorted(found)

    def read(self, name: str) -> bytes:
        """The content of one file."""
        return (self.path / name).read_bytes()

    def stream(self, names: Collection[str]) -> Iterator[tuple[str, Load]]:
        """In the order of `names`; a file is read when its `Load` is called."""
        for name in names:
            yield name, (self.path / name).read_bytes


class ZipTree:
    """The files in a zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            self._zip = zipfile.ZipFile(path)
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        _bounded(path, sum(member.file_size for member in members))
        named = {clean(member.filename): member for member in members}
        self._members = {name: member for name, member in named.items() if name}

    def files(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._members)

    def read(self, name: str) -> bytes:
        """The content of one file, at most `MEMBER_LIMIT` bytes."""
        member = self._members[name]
        _small(self.path, name, member.file_size)
        with _told(self.path):
            return self._zip.read(member)

    def stream(self, names: Collection[str]) -> Iterator[tuple[str, Load]]:
        """In the order in which they are stored. A damaged member fails alone, on its `Load`."""
        for name in sorted(names, key=lambda name: self._members[name].header_offset):
            yield name, lambda name=name: self.read(name)  # type: ignore[misc]


class TarTree:
    """The files in a tar, packed or not. A packed one can only be read from start to end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[str, bytes] | None = None
        self._names: list[str] | None = None

    def files(self) -> list[str]:
        """All names, sorted. Small archives are kept in memory on the way, unpacked once."""
        if self._names is None:
            kept: dict[str, bytes] = {}
            names, total = set(), 0
            for name, size, load in self._members():
                names.add(name)
                total += size
                if total <= KEPT:
                    kept[name] = load()
            self._kept = kept if total <= KEPT else None
            self._names = sorted(names)
        return self._names

    def read(self, name: str) -> bytes:
        """The content of one file, at most `MEMBER_LIMIT` bytes."""
        for _, load in self.stream({name}):
            return load()
        raise FileNotFoundError(name)

    def stream(self, names: Collection[str]) -> Iterator[tuple[str, Load]]:
        """In the order in which they are stored; a name stored twice comes twice, newest last."""
        wanted = set(names)
        if self._kept is not None:
            for name, content in self._kept.items():
                if name in wanted:
                    yield name, lambda content=content: content  # type: ignore[misc]
            return
        for name, _, load in self._members():
            if name in wanted:
                content = load()  # now: going back in a packed tar means unpacking it again
                yield name, lambda content=content: content  # type: ignore[misc]

    def _members(self) -> Iterator[tuple[str, int, Load]]:
        total = 0
        with _told(self.path), tarfile.open(self.path) as tar:
            for member in tar:
                total += member.size
                _bounded(self.path, total)
                name = clean(member.name)
                if name and member.isreg():
                    yield name, member.size, lambda member=member: self._content(tar, member)  # type: ignore[misc]
                tar.members = []  # type: ignore[attr-defined]  # else tarfile remembers every member it has seen

    def _content(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        _small(self.path, member.name, member.size)
        with _told(self.path):
            file = tar.extractfile(member)
            content = file.read() if file else b""
            if len(content) != member.size:
                raise EOFError
            return content


def _small(path: Path, name: str, size: int) -> None:
    limit = PICTURE_LIMIT if is_picture(name) else MEMBER_LIMIT
    if size > limit:
        raise DataError(
            f"Expected files of at most {limit >> 20} MiB in {path.name}; "
            f"{name} unpacks to {size >> 20} MiB.",
            hint="If you trust the archive, unpack it and pass the folder.",
            code="archive-too-large",
        )


def _bounded(path: Path, total: int) -> None:
    limit = max(FLOOR, RATIO_LIMIT * path.stat().st_size)
    if total > limit:
        raise DataError(
            f"Expected {path.name} to unpack to at most {limit >> 30} GiB "
            f"({RATIO_LIMIT} times its size); it asks for more.",
            hint="If you trust the archive, unpack it and pass the folder.",
            code="archive-too-large",
        )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what is wrong with an archive instead of showing how its reader failed."""
    damaged = (EOFError, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error)
    try:
        yield
    except (*damaged, NotImplementedError) as error:
        raise DataError(
            f"Expected a complete zip or tar; {path.name} is truncated, damaged or of another "
            f"kind ({error or type(error).__name__}).",
            hint="Copy or download it again.",
            code="bad-archive",
        ) from error
    except RuntimeError as error:  # zipfile's way to ask for a password
        raise DataError(
            f"Expected an archive without a password; {path.name} is encrypted.",
            hint="Unpack it and pass the folder.",
            code="bad-archive",
        ) from error


_ENDINGS = "png,jpg,jpeg,jpe,jfif,bmp,gif,tif,tiff,webp,ppm,pgm,pbm,pnm"
PICTURES = tuple(f".{ending}" for ending in _ENDINGS.split(","))


def is_picture(name: str) -> bool:
    """Whether a file's name says that it is a picture."""
    return name.lower().endswith(PICTURES)
