"""A pack, made by `latens data pack`: images decoded once, then mapped into memory.

A folder with ``images.npy`` (uint8 ``[N, C, H, W]``), ``labels.npy`` (int64 ``[N]``) where there
are labels, ``hashes.npy`` (uint8 ``[N, 16]``, by which equal images are known), and ``meta.json``,
which is written last: without it the pack is half written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.data import duplicates
from latens.data.convert import Allocate, Size, in_memory
from latens.data.image_set import ImageSet
from latens.errors import DataError
from latens.progress import Progress, silent

DESCRIPTION = "a pack made by latens data pack (opens at once, may be larger than memory)"
VERSION = 1
HASHES = "hashes.npy"


def sniff(path: Path) -> bool:
    """Whether `path` is a folder that looks like a pack, complete or not."""
    return path.is_dir() and ((path / "images.npy").exists() or (path / "meta.json").exists())


def read(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """The pack as a read-only memory map; its stored fingerprint is taken as it is.

    Raises `DataError` if a file is missing, has another length than its header says, or disagrees
    with ``meta.json``. That every pixel is right only `check` verifies.
    """
    meta = _meta(path)
    images = _array(path, "images.npy", meta["shape"])
    labels = _array(path, "labels.npy", meta["shape"][:1]) if meta["labels"] else None
    image_set = ImageSet(
        images,
        None if labels is None else np.array(labels, np.int64),
        tuple(meta["class_names"]),
        name=meta["name"],
        test_start=meta["test_start"],
        notes=tuple(meta["notes"]),
        skipped=tuple(meta["skipped"]),
    )
    known: dict[str, Any] = {"fingerprint": meta["fingerprint"]}
    if (path / HASHES).exists():  # packs of earlier versions have none
        stored = _array(path, HASHES, [len(images), duplicates.SIZE])
        known["hashes"] = duplicates.as_hashes(np.array(stored, np.uint8))
    return image_set.knowing(**known)


def _meta(path: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads((path / "meta.json").read_text(encoding="utf-8"))
        version = int(meta["version"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _broken(path, f"meta.json is missing or damaged ({error})") from error
    if version > VERSION:
        raise DataError(
            f"Expected a pack of version {VERSION} or older; {path.name} has version {version}.",
            hint="Upgrade latens, or pack the data again.",
            code="newer-pack",
        )
    needed = {"shape", "labels", "class_names", "name", "test_start", "notes", "skipped"}
    if missing := (needed | {"fingerprint"}) - meta.keys():
        raise _broken(path, f"meta.json lacks {', '.join(sorted(missing))}")
    return meta


def _array(path: Path, name: str, shape: list[int]) -> npt.NDArray[Any]:
    try:
        values = np.load(path / name, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise _broken(path, f"{name} is missing") from error
    except (OSError, ValueError, EOFError) as error:
        raise _broken(path, f"{name} is cut short or damaged") from error
    end = getattr(values, "offset", 0) + values.nbytes
    if list(values.shape) != list(shape) or end != (path / name).stat().st_size:
        raise _broken(path, f"{name} has shape {values.shape}, not {tuple(shape)}, or extra bytes")
    return values  # type: ignore[no-any-return]


def _broken(path: Path, why: str) -> DataError:
    return DataError(
        f"Expected a complete pack; {path.name} is half written or damaged: {why}.",
        hint="Delete it and run latens data pack again.",
        code="broken-pack",
    )
