"""A zip or tar (plain, gzip, xz, bzip2) of pictures, of IDX files or of CIFAR batches."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from latens.data import pictures
from latens.data.convert import Allocate, Size, in_memory
from latens.data.image_set import ImageSet
from latens.data.sources import cifar, idx
from latens.data.tree import open_tree
from latens.progress import Progress, silent

DESCRIPTION = "a .zip, .tar, .tar.gz or .tar.xz of any of these folders"
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")


def sniff(path: Path) -> bool:
    """Whether `path` is an archive by name or content; a ``.npz`` is a zip, but not meant here."""
    if not path.is_file() or path.suffix == ".npz":
        return False
    if path.name.lower().endswith(SUFFIXES):
        return True
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def read(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """What the archive holds, without unpacking it to disk."""
    tree = open_tree(path)
    progress("unpacking", 0, 1)
    files = tree.files()
    progress("unpacking", 1, 1)
    if idx.matches(files):
        return idx.read_tree(tree)
    if cifar.matches(files):
        return cifar.read_tree(tree)
    return pictures.read_tree(
        tree, size=size, channels=channels, progress=progress, allocate=allocate
    )
