"""Native kernels, faster than torch's operations: C++ that this machine's own compiler builds.

They are never needed: without them layers do their work with torch's operations. `build.py` builds
them, `cache.py` knows where they lie and whether they are whole; the Python file beside a C++ file
differentiates it, and `ops.py` has them all.
`LATENS_KERNELS=off` switches them off. Nothing here imports torch before a kernel is loaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from latens.kernels import cache

_loaded = False
_unloadable = ""
"""Why the library could not be loaded here; another process, or a later one, may have more luck."""
_builds: list[subprocess.Popen[bytes]] = []
"""Builds that this process has started, kept so that they are waited for when they end."""


def ready() -> bool:
    """Whether the kernels can be used; the first call loads them. Never builds, never raises.

    The answer may change from False to True while a process runs, because a build has ended: ask
    once at the beginning of what must give the same bits to its end.
    """
    global _loaded
    if cache.switched_off() or _unloadable:
        return False
    if not _loaded:
        library = cache.library()
        _loaded = library is not None and _load(library)
    return _loaded


def _load(library: Path) -> bool:
    import torch

    global _unloadable
    try:
        torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        _unloadable = str(error).partition("\n")[0]
        return False
    return True


def build_in_background() -> None:
    """Start a build with low priority that outlives this process, if one is wanted and can be done.

    Does nothing where the kernels are ready, are being built, could not be built before from the
    same source, are switched off, or where a C++ compiler or ninja is missing.
    """
    with suppress(OSError):
        if state() == cache.NOT_BUILT and sys.executable:
            _builds.append(_start())


def _start() -> subprocess.Popen[bytes]:
    # -P: a torch.py in the folder where one happens to stand must not be imported.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "latens.kernels.build", "--background"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is not for it
    )


def state() -> str:
    """How the kernels stand, in one line for people."""
    _builds[:] = [build for build in _builds if build.poll() is None]
    if cache.switched_off():
        return f"switched off ({cache.SWITCH}={os.environ[cache.SWITCH]})"
    if _loaded:
        return cache.READY
    if _unloadable:
        return f"cannot be loaded: {_unloadable}"
    return "building" if _builds else cache.state()
