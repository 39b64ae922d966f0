"""A build of the native kernels for these tests alone, in a cache of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from kernel_builds import run_build

from latens import kernels
from latens.kernels import cache


@pytest.fixture(scope="session")
def built_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds a library built from this source."""
    if lacking := cache.missing():
        pytest.skip(f"the native kernels cannot be built here: {lacking}")
    place = tmp_path_factory.mktemp("kernels-cache")
    done = run_build({"XDG_CACHE_HOME": str(place)})
    assert done.returncode == 0, done.stderr[-4000:]
    return place


@pytest.fixture
def native(built_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels are loaded and switched on during the test."""
    monkeypatch.delenv(cache.SWITCH, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(built_cache))
    assert kernels.ready(), kernels.state()


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
