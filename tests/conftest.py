"""Fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real data sets; tests that want it are skipped where it is not."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real data sets are not beside this checkout")
    return SHARED
