"""Decode a set once and store it so that it opens at once, even if larger than memory."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from latens.data import names
from latens.data.convert import Pixels, Size
from latens.data.image_set import ImageSet
from latens.data.load import converted, load, read_path
from latens.data.on_disk import chunks
from latens.data.sources.pack import HASHES, VERSION
from latens.errors import DataError
from latens.progress import Progress, silent


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
        complete(_read(data, place, size, channels, progress), place, progress)
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
    """The image set; what is decoded or converted lies in `place` already."""
    if not isinstance(data, (str, Path)):
        return load(data, size=size, channels=channels, progress=progress)

    decoded, resized = (partial(_reserved, place / name) for name in ("decoded", "converted"))
    path = names.find(data, progress)
    images = read_path(path, size=size, channels=channels, progress=progress, allocate=decoded)
    return converted(images, size, channels, resized)


def complete(images: ImageSet, place: Path, progress: Progress = silent) -> None:
    """Make a pack of the folder `place`, where the images may lie already, mapped from a .npy."""
    images = images.read_again(progress)
    _laid_out(images.images, place, progress).replace(place / "images.npy")
    for spare in ("decoded", "converted"):
        (place / spare).unlink(missing_ok=True)
    np.save(place / HASHES, images.hashes.view(np.uint8).reshape(len(images), -1))
    if images.labels is not None:
        np.save(place / "labels.npy", images.labels)
    for written in place.iterdir():
        _sync(written)
    (place / "meta.json").write_text(json.dumps(_meta(images), indent=1), encoding="utf-8")
    _sync(place / "meta.json")
    _sync(place)


def _laid_out(pixels: Pixels, place: Path, progress: Progress) -> Path:
    """The .npy of these images in `place`: where they are decoded to, or else a copy."""
    if not isinstance(pixels, np.memmap) or Path(pixels.filename or "").parent != place.resolve():
        return _copied(pixels, place / "copied", progress)
    pixels.flush()
    file = Path(pixels.filename or "")
    if len(pixels) < len(np.load(file, mmap_mode="r", allow_pickle=False)):
        _cut(file, pixels.shape)
    return file


def _reserved(file: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """A .npy on disk to write into. Its room is claimed now: a full disk is an OSError here,
    but a killed process (SIGBUS) when a mapped page finds no place later."""
    mapped = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return mapped


def _copied(images: Pixels, file: Path, progress: Progress) -> Path:
    """`file`, a .npy of the images."""
    with file.open("wb") as opened:
        _header(opened, images.shape)
        for start, chunk in chunks(images):
            opened.write(chunk.data)
            progress("packing", start + len(chunk), len(images))
    return file


def _cut(file: Path, shape: tuple[int, ...]) -> None:
    """Leave the first so many images in a .npy; NumPy's headers have room for either number."""
    with file.open("r+b") as opened:
        _header(opened, shape)
        opened.truncate(opened.tell() + math.prod(shape))


def _header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)


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
