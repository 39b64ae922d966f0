"""The folder is the registry: a file's name is the name that people type, with dashes.

`names("corrupt")` lists the public modules of `latens/corrupt/` without importing one of them:
"salt-pepper" for `salt_pepper.py`. `load("corrupt", "salt-pepper")` imports that one; an
underscore does as well as a dash. Other packages add theirs through the entry-point group
`latens.<room>`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from latens.errors import unknown_name


def names(room: str) -> list[str]:
    """The names that `room` (such as ``"objectives"`` or ``"data.sources"``) offers, sorted."""
    return sorted({*_own(room), *_foreign(room)})


def load(room: str, name: str) -> ModuleType:
    """Import the module called `name` in `room`.

    Raises `UsageError`, with the known names and the nearest, if there is none.
    """
    return import_module(require(room, name))


def require(room: str, name: str) -> str:
    """The module that `load` would import, which is not done. Raises `UsageError` as that does."""
    typed = _dashed(name)
    # Other packages are looked through last: that takes time, and the loop loads every step.
    found = _own(room).get(typed) or _foreign(room).get(typed)
    if found is None:
        raise unknown_name(_one(room), name, names(room))
    return found


def _one(room: str) -> str:
    """What a single file of a room is called."""
    last = room.split(".")[-1]
    return {"studies": "study", "corrupt": "corruption"}.get(last, last.removesuffix("s"))


@cache
def _own(room: str) -> dict[str, str]:
    """The modules of this package by their names."""
    files = Path(__file__).parent.joinpath(*room.split(".")).glob("*.py")
    stems = [file.stem for file in files if not file.stem.startswith("_")]
    return {_dashed(stem): f"latens.{room}.{stem}" for stem in stems}


def _foreign(room: str) -> dict[str, str]:
    return {_dashed(entry.name): entry.value for entry in entry_points(group=f"latens.{room}")}


def _dashed(name: str) -> str:
    return name.replace("_", "-")
