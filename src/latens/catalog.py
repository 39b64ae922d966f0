"""The folder is the registry: a file's name is the name that people type.

`names("objectives")` lists the public modules of `latens/objectives/` without importing one of
them; `load("objectives", "reconstruct")` imports that one. Other packages add theirs through the
entry-point group `latens.<room>`.
"""

from __future__ import annotations

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
    if name in _own(room):
        return import_module(f"latens.{room}.{name}")
    foreign = _foreign(room)
    if name in foreign:
        return import_module(foreign[name])
    raise unknown_name(room.split(".")[-1].rstrip("s"), name, names(room))


def _own(room: str) -> set[str]:
    folder = Path(__file__).parent.joinpath(*room.split("."))
    return {file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")}


def _foreign(room: str) -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=f"latens.{room}")}
