"""Real Keras is the reference here; it runs on torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras", reason="the reference is real Keras: pip install 'latens[dev]'")

from latens.formats import _h5, _h5_apart

APART = _h5.copy_apart
HERE = Path(__file__).parent


def here(source: Path, folder: Path, name: str) -> None:
    """As `_h5.copy_apart`, in this process: a process a file would be most of the tests' time."""
    try:
        _h5_apart.copy(source, folder)
    except Exception as error:
        raise _h5.damaged(name, "a part of it cannot be read") from error


@pytest.fixture(autouse=True, scope="session")
def in_this_process() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_h5, "copy_apart", here)
        yield


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are opened in a process of their own, as they are for users."""
    monkeypatch.setattr(_h5, "copy_apart", APART)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras on torch asks numpy for a copy in a way that numpy 2 warns of; that is not ours."""
    quiet = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(quiet)
