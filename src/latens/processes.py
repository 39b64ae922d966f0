"""How many processes train together, and which of them this one is; no torch is needed.

`torchrun` says so in the environment of each process that it starts. The first process, the
*leader*, is the only one that writes, shows bars and speaks; the others follow it.
"""

from __future__ import annotations

import os

_SAID = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # all of them, or it is not for us


def count() -> int:
    """How many processes there are, on all machines; 1 where nobody started several."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in _SAID) else 1


def rank() -> int:
    """The number of this process among all, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def local_count() -> int:
    """How many of them run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if count() > 1 else 1


def local_rank() -> int:
    """The number of this process among those of its machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", 0)) if count() > 1 else 0


def leads() -> bool:
    """Whether this process is the only one, or the first of several."""
    return rank() == 0
