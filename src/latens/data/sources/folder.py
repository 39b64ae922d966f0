"""A folder of pictures: flat, one subfolder a class, or train/ and test/ above either."""

from __future__ import annotations

import os
from pathlib import Path

from latens.data.convert import Allocate, Size, in_memory
from latens.data.image_set import ImageSet
from latens.data.pictures import read_tree
from latens.data.sources import cifar, idx, pack
from latens.data.tree import FolderTree, clean, is_picture
from latens.progress import Progress, silent

DESCRIPTION = "a folder of pictures (flat, one subfolder a class, or train/ and test/ above)"


def sniff(path: Path) -> bool:
    """Whether `path` is a folder with a picture somewhere in it and of no other known kind."""
    if not path.is_dir() or any(source.sniff(path) for source in (idx, cifar, pack)):
        return False
    for _, folders, files in os.walk(path):
        folders[:] = [folder for folder in folders if clean(folder)]
        if any(is_picture(file) and clean(file) for file in files):
            return True
    return False


def read(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """The pictures, decoded with all cores into what `allocate` gives."""
    tree = FolderTree(path)
    return read_tree(tree, size=size, channels=channels, progress=progress, allocate=allocate)
