"""Who works on a trial, and whether that worker is gone: told at once on the same machine.

Elsewhere a worker is known to be gone only when its heartbeats stop.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path


def me() -> str:
    """This process as HOST/PLACE/PID/START; `place` tells containers of one name apart."""
    return f"{socket.gethostname()}/{_place()}/{os.getpid()}/{_started(os.getpid())}"


def host(worker: str) -> str:
    """The machine of a worker."""
    return worker.partition("/")[0]


def gone(worker: str) -> bool:
    """Whether `worker` was a process of this machine that is no more; False if nobody can tell."""
    parts = worker.split("/")
    if len(parts) != 4 or parts[:2] != me().split("/")[:2]:
        return False
    number, started = int(parts[2]), parts[3]
    if os.name != "posix":  # asking after a process would end it on Windows
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return started != _started(number)  # another process has its number now


def _place() -> str:
    """One boot of one machine, and the container on it, where the system tells."""
    parts = []
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
        parts.append(Path("/proc/self/ns/pid").readlink().name.strip("pid:[]"))
    return "-".join(parts)


def _started(number: int) -> str:
    """When a process was started, in ticks since boot; empty where the system does not tell."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
