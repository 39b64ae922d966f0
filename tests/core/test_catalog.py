"""Names as people type them, for files as Python wants them."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import latens
from latens import catalog
from latens.errors import UsageError

ROOMS = ["corrupt", "objectives", "nn.networks", "data.sources", "checks.rules", "report.plots"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_is_listed_once_with_dashes(room: str) -> None:
    folder = Path(latens.__file__).parent.joinpath(*room.split("."))
    stems = [file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")]
    assert catalog.names(room) == sorted(stem.replace("_", "-") for stem in stems)


@pytest.mark.parametrize("name", ["salt-pepper", "salt_pepper"])
def test_dash_and_underscore_find_the_same_file(name: str) -> None:
    assert catalog.load("corrupt", name).__name__ == "latens.corrupt.salt_pepper"


@pytest.mark.parametrize("name", ["_rows", "-rows", "../spec", "Flip", "", "__init__"])
def test_nothing_else_is_found(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        catalog.load("corrupt", name)
    assert caught.value.code == "unknown-corruption"


def test_the_nearest_name_is_shown_as_one_types_it() -> None:
    with pytest.raises(UsageError) as caught:
        catalog.load("corrupt", "saltpepper")
    assert caught.value.hint == "Did you mean salt-pepper?"


def test_other_packages_add_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(group: str) -> list[Any]:
        return [EntryPoint("motion_blur", "latens.seeds", group)]

    monkeypatch.setattr(catalog, "entry_points", points)
    assert "motion-blur" in catalog.names("corrupt")
    assert catalog.load("corrupt", "motion-blur").__name__ == "latens.seeds"
