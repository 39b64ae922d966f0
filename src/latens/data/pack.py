"""Decode a set once and store it so that it opens at once, even if larger than memory."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from latens.data import names
from latens.data.convert import Pixels, Size
from latens.data.image_set import ImageSet
from latens.data.load import converted, load, read_path
from latens.data.sources.pack import VERSION
from latens.errors import DataError
from latens.progress import Progress, silent

_CHUNK = 1024


def pack(
    data: Any,
    out: Path,
    progress: Progress = silent,
    *,
    size: Size | None = None,
    channels: int | None = None,
) -> Path:
    """Write `data` (an image set, or anything that `load` takes) as a pack to `out`.

    Folders and archives of pictures are decoded straight to disk, so the set may be larger than
    memory. The pack is written beside `out` under another name, synced and renamed: `out` is
    either whole or not there. Raises `DataError` if `out` exists or the disk is full.
    """
    if out.exists():
        raise DataError(
            f"Expected a new place for the pack; {out} exists.",
            hint="Choose another --out, or delete it first.",
            code="exists",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        _write(_read(data, place, size, channels, progress), place, progress)
        place.chmod(0o755)
        place.rename(out)
    except OSError as error:
        raise DataError(
            f"Expected room for the pack at {out.parent}; writing failed ({error.strerror}).",
            hint="Free some space, or choose another --out.",
            code="cannot-write",
        ) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    _sync(out.parent)
    return out


def _read(
    data: Any, place: Path, size: Size | None, channels: int | None, progress: Progress
) -> ImageSet:
    """The image set; pictures are decoded into ``images.npy`` in `place`."""
    if not isinstance(data, (str, Path)):
        return load(data, size=size, channels=channels, progress=progress)

    def on_disk(shape: tuple[int, ...]) -> Pixels:
        return _reserved(place / "images.npy", shape)

    path = names.find(data, progress)
    images = read_path(path, size=size, channels=channels, progress=progress, allocate=on_disk)
    return converted(images, size, channels)


def _write(images: ImageSet, place: Path, progress: Progress) -> None:
    file = place / "images.npy"
    if (
        isinstance(images.images, np.memmap)
        and Path(images.images.filename or "") == file.resolve()
    ):
        images.images.flush()
    else:
        _copy(images.images, place / "whole.npy", progress)
        (place / "whole.npy").replace(file)
    if images.labels is not None:
        np.save(place / "labels.npy", images.labels)
    for written in place.iterdir():
        _sync(written)
    (place / "meta.json").write_text(json.dumps(_meta(images), indent=1), encoding="utf-8")
    _sync(place / "meta.json")
    _sync(place)


def _reserved(file: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """A .npy on disk to write into. Its room is claimed now: a full disk is an OSError here,
    but a killed process (SIGBUS) when a mapped page finds no place later."""
    mapped = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return mapped


def _copy(images: Pixels, file: Path, progress: Progress) -> None:
    target = _reserved(file, images.shape)
    for start in range(0, len(images), _CHUNK):
        target[start : start + _CHUNK] = images[start : start + _CHUNK]
        progress("packing", min(start + _CHUNK, len(images)), len(images))
    target.flush()


def _meta(images: ImageSet) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": images.name,
        "shape": list(images.images.shape),
        "labels": images.labels is not None,
        "class_names": list(images.class_names),
        "test_start": images.test_start,
        "notes": [note for note in images.notes if "latens data pack" not in note],
        "skipped": list(images.skipped),
        "fingerprint": images.fingerprint,
    }


def _sync(path: Path) -> None:
    """Make sure that it is on the disk before anything says so."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
