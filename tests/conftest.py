"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every program
# that a test starts and then interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The native kernels are built and tested by tests of their own; all others mean torch's operations.
os.environ["LATENS_KERNELS"] = "off"

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real data sets; tests that want it are skipped where it is not."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real data sets are not beside this checkout")
    return SHARED
