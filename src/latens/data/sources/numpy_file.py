"""NumPy files: .npy with images, .npz with images and labels, perhaps in parts."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from latens.data.arrays import from_arrays
from latens.data.convert import Allocate, Size, in_memory
from latens.data.image_set import ImageSet
from latens.errors import DataError, plural
from latens.progress import Progress, silent

DESCRIPTION = "NumPy files: .npy [N, ...], .npz with images/labels or x_train/y_train/x_test/y_test"

_WHOLE = (("images", "labels"), ("x", "y"), ("X", "y"), ("data", "target"), ("data", "labels"))
_PARTS = ("{kind}_{part}", "{part}_{kind}")
_KINDS = (("x", "y"), ("images", "labels"), ("X", "y"))


def sniff(path: Path) -> bool:
    """Whether `path` is a .npy by its first bytes, or named .npy or .npz."""
    if not path.is_file():
        return False
    return path.suffix in (".npy", ".npz") or _is_npy(path)


def read(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """The images and labels; a .npy of uint8 ``[N, C, H, W]`` stays a memory map."""
    try:
        if _is_npy(path):
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
            return from_arrays(mapped, name=path.stem)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
            return _from_archive(loaded, path)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise _bad(path, error) from error


def _bad(path: Path, error: Exception) -> DataError:
    """What is wrong with a file; NumPy itself would advise to load it in a way that runs code."""
    words = str(error).lower()
    if not _is_npy(path) and not zipfile.is_zipfile(path):
        came = f"{path.name} is of another kind, cut off or damaged"
    elif "object" in words or "pickle" in words:
        came = f"{path.name} holds Python objects"
    else:
        came = f"{path.name} is cut off or damaged ({error})"
    return DataError(
        f"Expected a complete NumPy file of numbers; {came}.",
        hint="Save it again with np.save or np.savez, without object arrays.",
        code="bad-numpy",
    )


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6) == b"\x93NUMPY"


def _from_archive(loaded: Any, path: Path) -> ImageSet:
    names = set(loaded.files)
    class_names = [str(name) for name in loaded["class_names"]] if "class_names" in names else []
    for form in _PARTS:
        for images, labels in _KINDS:
            key = {(p, k): form.format(kind=k, part=p) for p in _SPLIT for k in (images, labels)}
            if key["train", images] in names:
                return _in_parts(loaded, key, images, labels, class_names, path)
    for images, labels in _WHOLE:
        if images in names:
            values = loaded[labels] if labels in names else None
            return from_arrays(loaded[images], values, class_names=class_names, name=path.stem)
    raise DataError(
        f"Expected images and labels, or x_train, y_train, x_test and y_test, in {path.name}; "
        f"got {', '.join(sorted(names)) or 'nothing'}.",
        hint="Save it with np.savez(path, images=x, labels=y).",
        code="bad-numpy",
    )


_SPLIT = ("train", "val", "test")


def _in_parts(
    loaded: Any,
    key: dict[tuple[str, str], str],
    images: str,
    labels: str,
    class_names: list[str],
    path: Path,
) -> ImageSet:
    def part(name: str) -> tuple[Any, Any]:
        y = key[name, labels]
        return loaded[key[name, images]], loaded[y] if y in loaded.files else None

    x, y = part("train")
    notes = []
    if key["val", images] in loaded.files:
        x_val, y_val = part("val")
        x = np.concatenate([x, x_val])
        y = None if y is None or y_val is None else np.concatenate([y, y_val])
        notes.append(f"{plural(len(x_val), 'image')} of the validation part joined training.")
    test = part("test") if key["test", images] in loaded.files else None
    images_set = from_arrays(x, y, test=test, class_names=class_names, name=path.stem)
    return images_set.with_notes(*notes)
