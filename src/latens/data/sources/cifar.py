"""CIFAR-10 batches (https://www.cs.toronto.edu/~kriz/cifar.html), binary or pickled.

A binary record is one byte of label and 3,072 of pixels: 1,024 red, green, blue, row by row. The
pickled form goes through `latens.data.safe_pickle`, which cannot run code.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.data.convert import Allocate, Pixels, Size, in_memory
from latens.data.image_set import ImageSet
from latens.data.safe_pickle import loads
from latens.data.tree import FolderTree, Tree
from latens.errors import DataError
from latens.progress import Progress, silent

DESCRIPTION = "CIFAR-10 batches (data_batch_1 to 5 and test_batch; binary or pickled)"

# fmt: off
CLASSES = ("airplane", "automobile", "bird", "cat", "deer",
           "dog", "frog", "horse", "ship", "truck")
# fmt: on
_RECORD = 1 + 3 * 32 * 32
_NAME = re.compile(r"(data_batch_[1-5]|test_batch)(\.bin)?")

Batch = tuple[Pixels, npt.NDArray[np.int64]]


def sniff(path: Path) -> bool:
    """Whether `path` is one batch, or a folder that holds batches."""
    if path.is_dir():
        inner = [*path.iterdir(), *path.glob("cifar-10-batches-*/*")]
        return any(_NAME.fullmatch(file.name) for file in inner)
    if not path.is_file() or _NAME.fullmatch(path.name):
        return path.is_file()
    size = path.stat().st_size
    return path.suffix == ".bin" and size > 0 and size % _RECORD == 0


def read(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """Images ``[N, 3, 32, 32]`` in [0, 255] and their labels; converting is the caller's."""
    if path.is_dir():
        return read_tree(FolderTree(path))
    images, labels = parse(path.read_bytes(), path.name)
    return ImageSet(images, labels, CLASSES, name=path.name.split(".")[0])


def matches(files: list[str]) -> bool:
    """Whether an archive with these names holds CIFAR batches."""
    return any(_NAME.fullmatch(PurePosixPath(file).name) for file in files)


def read_tree(tree: Tree) -> ImageSet:
    """All six batches of a folder or archive."""
    found = {PurePosixPath(file).stem: file for file in tree.files() if matches([file])}
    wanted = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(
            f"Expected data_batch_1 to 5 and test_batch in {tree.path.name}; "
            f"missing: {', '.join(missing)}.",
            hint="Copy the missing batches beside the others, or pass one batch alone.",
            code="missing-file",
        )
    batches = [parse(tree.read(found[name]), found[name]) for name in wanted]
    return ImageSet(
        np.concatenate([images for images, _ in batches]),
        np.concatenate([labels for _, labels in batches]),
        CLASSES,
        name=tree.path.name.split(".")[0],
        test_start=sum(len(images) for images, _ in batches[:5]),
    )


def parse(content: bytes, name: str) -> Batch:
    """One batch: uint8 ``[N, 3, 32, 32]`` and int64 ``[N]``, 0 to 9."""
    pickled = content[:1] == b"\x80" and not name.endswith(".bin")
    images, labels = _pickled(content, name) if pickled else _binary(content, name)
    if labels.size and (labels.min() < 0 or labels.max() >= len(CLASSES)):
        raise _bad(name, f"a label of {labels.max()}", "labels from 0 to 9")
    return images, labels


def _binary(content: bytes, name: str) -> Batch:
    if not content or len(content) % _RECORD:
        raise _bad(name, f"{len(content)} bytes", f"records of {_RECORD} bytes", "truncated")
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)


def _pickled(content: bytes, name: str) -> Batch:
    batch = loads(content, name)
    if not isinstance(batch, dict):
        raise _bad(name, f"a {type(batch).__name__}", "a pickled dictionary")
    values: dict[Any, Any] = {_text(key): value for key, value in batch.items()}
    pixels, labels = values.get("data"), values.get("labels")
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or labels is None:
        raise _bad(name, ", ".join(map(str, values)) or "nothing", "data (uint8) and labels")
    if pixels.ndim != 2 or pixels.shape[1] != _RECORD - 1:
        raise _bad(name, f"data of shape {pixels.shape}", f"data [N, {_RECORD - 1}]")
    numbers = np.asarray(labels)
    if numbers.dtype.kind not in "iu" or numbers.shape != (len(pixels),):
        raise _bad(name, f"{numbers.size} labels for {len(pixels)} images", "one number an image")
    return pixels.reshape(-1, 3, 32, 32), numbers.astype(np.int64)


def _text(key: object) -> object:
    return key.decode("latin-1") if isinstance(key, bytes) else key


def _bad(name: str, got: str, expected: str, code: str = "bad-cifar") -> DataError:
    return DataError(
        f"Expected {expected} in {name}; got {got}.",
        hint="Check that it is a CIFAR-10 batch, and copy it again.",
        code=code,
    )
