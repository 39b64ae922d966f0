"""One training a run at a time: an advisory lock that the system lets go when a process dies.

The lock is on RUN/.lock, a file that stays behind and means nothing by itself: a killed training
leaves no lock. Where the system or the disk has no such locks (Windows, some network disks) every
process is let through.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from latens.errors import RunError

_FILE = ".lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder during the block.

    Raises `RunError` if another process, or another training in this one, holds it.
    """
    file = _opened(folder / _FILE)
    if file is None:  # a folder that may only be read: nobody can train in it
        yield
        return
    with file:
        if not _locked(file):
            raise _busy(folder, file.read().strip())
        with suppress(OSError):  # on a full disk the others are not told our number
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield


def _opened(path: Path) -> IO[str] | None:
    try:
        file = path.open("a+", encoding="utf-8")  # not "w": the holder's number must stay
        file.seek(0)
        return file
    except OSError:
        return None


def _locked(file: IO[str]) -> bool:
    """Take the lock if it is free; true too where there are no locks."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _busy(folder: Path, holder: str) -> RunError:
    who = f"process {holder}" if holder else "another process"
    return RunError(
        f"Expected to be alone with the run {folder}; {who} is training it.",
        hint="Wait until it is done, or stop it and try again.",
        code="run-busy",
    )
