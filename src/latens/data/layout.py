"""Which picture belongs to which part and class, told by the folders it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from latens.data.image_set import UNLABELLED
from latens.data.tree import is_picture
from latens.errors import DataError, plural

PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Plan:
    """What to decode, in which order: training pictures first, each part sorted by name.

    Attributes:
        files: the names to read.
        labels: int64 ``[len(files)]``, or None if no folder is a class.
        class_names: the class folders, sorted (as numbers where all of them are numbers).
        test_start: where the test part begins, or None.
        notes: what was left out or joined.
    """

    files: list[str]
    labels: npt.NDArray[np.int64] | None
    class_names: tuple[str, ...]
    test_start: int | None
    notes: tuple[str, ...]


class _Entry(NamedTuple):
    part: str
    label: str
    file: str


def plan(files: list[str], what: str, *, archive: bool = False) -> Plan:
    """Sort the pictures among `files` into parts and classes.

    Accepted: pictures only (unlabelled); one folder a class; ``train``, ``test`` and perhaps
    ``val`` above either. Raises `DataError` if there is no picture, or none to train on.
    """
    pictures = [file for file in files if is_picture(file)]
    if not pictures:
        raise _nothing(what, files)
    root = _root(pictures, archive)
    entries, beside = _entries(pictures, root)
    train = sorted(entry for entry in entries if entry.part != "test")
    test = sorted(entry for entry in entries if entry.part == "test")
    if not train:
        raise DataError(
            f"Expected a folder train beside test in {what}; got only test.",
            hint="Name the folder of training pictures train.",
            code="no-train",
        )
    class_names = _class_names(entries)
    number = {name: index for index, name in enumerate(class_names)}
    labels = np.array([number.get(entry.label, UNLABELLED) for entry in train + test], np.int64)
    return Plan(
        files=[entry.file for entry in train + test],
        labels=labels if class_names else None,
        class_names=class_names,
        test_start=len(train) if test else None,
        notes=_notes(entries, beside, len(files) - len(pictures)),
    )


def _root(pictures: list[str], archive: bool) -> int:
    """How many folders all pictures share above their classes (as in ``name.zip/name/...``)."""
    parts = [file.split("/") for file in pictures]
    least = 2 if archive else 3  # what must be left: a folder and a file, or just a file
    depth = 0
    while (
        min(map(len, parts)) >= depth + least
        and parts[0][depth].lower() not in PARTS
        and len({part[depth] for part in parts}) == 1
    ):
        depth += 1
    return depth


def _entries(pictures: list[str], root: int) -> tuple[list[_Entry], list[str]]:
    """Pictures with part and class, and those that lie beside the folders and belong to none."""
    inner = {file: file.split("/")[root:] for file in pictures}
    folders = {parts[0].lower() for parts in inner.values() if len(parts) > 1}
    split = bool(folders) and folders <= PARTS.keys()
    entries = []
    for file, parts in inner.items():
        part = PARTS.get(parts[0].lower(), "") if split else ""
        rest = parts[1:] if part else parts
        entries.append(_Entry(part, rest[0] if len(rest) > 1 else "", file))
    beside = {e for e in entries if not e.label and (not e.part if split else bool(folders))}
    return [e for e in entries if e not in beside], sorted(e.file for e in beside)


def _class_names(entries: list[_Entry]) -> tuple[str, ...]:
    found = {entry.label for entry in entries if entry.label}
    return tuple(sorted(found, key=int if all(map(str.isdecimal, found)) else None))


def _notes(entries: list[_Entry], beside: list[str], others: int) -> tuple[str, ...]:
    notes = []
    validation = sum(entry.part == "val" for entry in entries)
    if validation:
        notes.append(f"{plural(validation, 'picture')} of the validation folder joined training.")
    if beside:
        notes.append(f"{plural(len(beside), 'picture')} beside the folders left out ({beside[0]}).")
    if others:
        notes.append(f"{plural(others, 'file')} of other kinds left out.")
    return tuple(notes)


def _nothing(what: str, files: list[str]) -> DataError:
    others = plural(len(files), "file") + " of other kinds"
    came = f"{others}, such as {files[0]}" if files else "no file at all"
    return DataError(
        f"Expected pictures (PNG, JPEG, BMP, GIF, TIFF, WebP, PPM) in {what}; got {came}.",
        hint="Check the path.",
        code="no-images",
    )
