"""The one door for data: a name, a path or arrays go in, an image set comes out."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from latens import catalog
from latens.data import arrays, listed, names, subset
from latens.data.convert import Allocate, Size, check_request, convert, in_memory
from latens.data.image_set import ImageSet
from latens.data.tree import is_picture
from latens.errors import DataError
from latens.progress import Progress, silent

KNOWN = "pictures in folders or archives, IDX, CIFAR batches, .npy, .npz, packs"
WORTH_PACKING = 5000  # pictures; fewer are decoded in about a second anyway


def load(
    data: Any,
    *,
    size: Size | None = None,
    channels: int | None = None,
    keep: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> ImageSet:
    """The image set that `data` means.

    Args:
        data: a name (``"mnist"``), a path, IDX files as ``"images,labels"`` with or without
            ``",test-images,test-labels"``, an array, ``(images, labels)``,
            ``((images, labels), (test_images, test_labels))``, or an image set. Arrays are
            described at `latens.data.arrays.from_arrays`.
        size: height and width to resize to.
        channels: 1 (grey) to 4 (RGBA) to convert to.
        keep: how many training images of a class to keep (``{"bird": 2500}``).
        progress: is told of downloads and decoding.

    Raises `UsageError` for an unknown name, `DataError` for what cannot be read.
    """
    check_request(size, channels)
    images = _read(data, size, channels, progress)
    images = converted(images, size, channels)
    return subset.keep(images, keep) if keep else images


def _read(data: Any, size: Size | None, channels: int | None, progress: Progress) -> ImageSet:
    if isinstance(data, ImageSet):
        return data
    if files := listed.files(data):
        return listed.read(files)
    if isinstance(data, (str, Path)):
        path = names.find(data, progress)
        return read_path(path, size=size, channels=channels, progress=progress)
    if not isinstance(data, tuple):
        return arrays.from_arrays(data)
    if len(data) != 2:
        raise DataError(
            f"Expected (images, labels); got a tuple of {len(data)}.",
            hint="Pass (x, y), or ((x, y), (x_test, y_test)) with an official test part.",
            code="bad-tuple",
        )
    if isinstance(data[0], tuple) and isinstance(data[1], tuple):
        return arrays.from_arrays(*data[0], test=data[1])
    return arrays.from_arrays(*data)


def read_path(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """What lies at `path`, read by the source that recognises it; not yet converted.

    Raises `DataError` if none does, naming what is understood.
    """
    name, source = source_of(path)
    try:
        images: ImageSet = source.read(
            path, size=size, channels=channels, progress=progress, allocate=allocate
        )
    except OSError as error:
        if error.errno == errno.ENOSPC:  # told by `pack`, whose disk it is
            raise
        raise _unreadable(path, error) from error
    if name in ("folder", "archive") and len(images) >= WORTH_PACKING:
        note = f"`latens data pack {path}` decodes this set once; the pack then opens at once."
        return images.with_notes(note)
    return images


def source_of(path: Path) -> tuple[str, ModuleType]:
    """The name and module of the source that recognises `path`."""
    try:
        # Built-in sets first: they are not on disk, where the others look.
        order = sorted(catalog.names("data.sources"), key=lambda name: name not in names.BUILT_IN)
        known = {name: catalog.load("data.sources", name) for name in order}
        for name, source in known.items():
            if source.sniff(path):
                return name, source
    except OSError as error:
        raise _unreadable(path, error) from error
    raise DataError(
        f"Expected images in a known format; {path} is {_what_came(path)}.",
        hint=f"Known are: {KNOWN}.",
        code="no-images" if path.is_dir() else "unknown-format",
    )


def converted(
    images: ImageSet, size: Size | None, channels: int | None, allocate: Allocate = in_memory
) -> ImageSet:
    """`images` in another size and number of channels, with a note; itself if it has them."""
    pixels, note = convert(images.images, size, channels, allocate)
    return replace(images, images=pixels, notes=(*images.notes, note)) if note else images


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"Expected a readable file or folder; {path} is not ({error.strerror or error}).",
        hint="Check its permissions, and the disk.",
        code="unreadable",
    )


def _what_came(path: Path) -> str:
    if path.is_dir():
        inside = sorted(file.name for file in path.iterdir())
        shown = f"a folder without pictures; it holds {', '.join(inside[:3])}"
        return f"{shown}{', ...' if inside[3:] else ''}" if inside else "an empty folder"
    if is_picture(path.name):
        return "a single picture, and a set is a folder of them"
    if not path.is_file():  # a pipe would be waited for without end
        return "neither a file nor a folder"
    with path.open("rb") as file:
        head = file.read(4)
    return f"a file that begins with {head.hex(' ')}" if head else "an empty file"
