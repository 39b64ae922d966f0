"""Queues on SQLite files, and what workers of other machines leave in them."""

from __future__ import annotations

from pathlib import Path

import optuna

from latens.search import storage as stores
from latens.search.queue import Queue
from latens.search.storage import Storage

GONE = "elsewhere/boot/1/1"  # a worker of whom nobody here can tell whether it lives


def store(folder: Path, heartbeat: int = 60) -> Storage:
    found = stores.connect(stores.sqlite_url(folder / "trials.db"))
    found.beat_every(heartbeat)
    return found


def queue(folder: Path, heartbeat: int = 60, me: str = "") -> Queue:
    """As another process would see it: with a connection of its own."""
    found = store(folder, heartbeat)
    study = optuna.create_study(storage=found, study_name="s", load_if_exists=True)
    return Queue(study, found, **({"_me": me} if me else {}))


def filled(folder: Path, count: int = 3, heartbeat: int = 60, me: str = "") -> Queue:
    found = queue(folder, heartbeat, me)
    found.fill({str(number): ({"x": number}, {}) for number in range(count)})
    return found


def states(found: Queue) -> dict[str, str]:
    return {name: slot.state for name, slot in found.slots().items()}
