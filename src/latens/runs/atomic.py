"""Writing that survives a crash: a temporary name, synced to disk, then moved into place.

A reader sees the old file or the new one, never half of either; a full disk leaves the old one.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from latens.errors import TrainingError


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Have `fill` write a binary file that then takes the place of `path` in one move."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with told_if_full(path):
            with temporary.open("wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document (UTF-8, indented); NaN is not JSON and is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write(path, lambda file: file.write(text.encode() + b"\n"))


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def told_if_full(path: Path) -> Iterator[None]:
    """Turn "no space left" and "not permitted" into sentences; nothing on disk was changed."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TrainingError(
                f"Expected room on the disk for {path.name}; the disk of {path.parent} is full.",
                hint="Free some space; nothing that was already saved is lost.",
                code="disk-full",
            ) from error
        if isinstance(error, NotADirectoryError | FileExistsError):
            raise TrainingError(
                f"Expected a folder at {path.parent}; a file is there or above it.",
                hint="Choose another folder.",
                code="not-writable",
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise TrainingError(
                f"Expected to be allowed to write {path.name} in {path.parent}; it is not.",
                hint="Change the permissions of that folder, or work in another one.",
                code="not-writable",
            ) from error
        raise
