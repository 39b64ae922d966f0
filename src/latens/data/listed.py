"""IDX files named one by one: ``images,labels`` or ``images,labels,test images,test labels``.

Where such files lie together under the names of MNIST's, their folder means the same set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from latens.data.image_set import ImageSet
from latens.data.names import find
from latens.data.sources import idx
from latens.data.tree import FolderTree, Load
from latens.errors import DataError

MARK = ","
ROLES = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def files(data: object) -> tuple[str, ...]:
    """The files that `data` names, as they were typed; none if it is no such list."""
    if not isinstance(data, str) or MARK not in data or Path(data).exists():
        return ()
    return tuple(part.strip() for part in data.split(MARK))


def absolute(data: str) -> str:
    """The same list with absolute paths, so that it means the same from any folder."""
    return MARK.join(str(Path(file).expanduser().resolve()) for file in files(data))


def shortest(names: Collection[str]) -> str:
    """What to type for these files: their folder, where it holds them and is read as them."""
    paths = [Path(name).expanduser().resolve() for name in names]
    folder = paths[0].parent
    if len(paths) == len(ROLES) and all(path.parent == folder for path in paths):
        found = idx.by_role(FolderTree(folder).files())
        if [folder / found.get(role, "") for role in idx.ROLES] == paths:
            return str(Path(next(iter(names))).parent)
    return MARK.join(names)


def beside(images: str) -> list[str]:
    """What to type for the set to which a file of training images belongs, by the names beside it.

    Its folder where that holds all four files, else the file and that of its labels; nothing where
    no labels are found.
    """
    path = Path(images)
    found = idx.by_role([file.name for file in path.absolute().parent.iterdir()])
    held = [path.with_name(found[role]) for role in idx.ROLES if role in found]
    if found.get(idx.ROLES[0]) != path.name or idx.ROLES[1] not in found:
        return []
    return [str(path.parent)] if len(held) == len(idx.ROLES) else [str(held[0]), str(held[1])]


def read(names: Collection[str]) -> ImageSet:
    """The image set of two files, or of four: the last two are the official test part.

    Raises `DataError` for another number of files, one that is missing, or what `idx` refuses.
    """
    if len(names) not in (2, 4):
        raise DataError(
            f"Expected images,labels or images,labels,test-images,test-labels; got {len(names)} "
            "files.",
            hint="Name IDX files, or put pictures into a folder and name that.",
            code="bad-list",
        )
    return idx.read_tree(_Listed([find(Path(name)) for name in names]))


class _Listed:
    """The files under names that say what each is, whatever they are called."""

    def __init__(self, paths: list[Path]) -> None:
        self.path = paths[0].absolute().parent
        roles = zip(ROLES, paths, strict=False)
        self._paths = {f"{role}-idx of {path.name}": path for role, path in roles}

    def files(self) -> list[str]:
        """All names."""
        return list(self._paths)

    def read(self, name: str) -> bytes:
        """The content of one file."""
        return self._paths[name].read_bytes()

    def stream(self, names: Collection[str]) -> Iterator[tuple[str, Load]]:
        """In the order of `names`."""
        for name in names:
            yield name, self._paths[name].read_bytes
