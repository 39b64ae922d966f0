"""The trainings of a study side by side, in processes of this machine.

A network seldom keeps two cores busy, and how a training begins and ends is the work of one anyway:
two at a time, with a thread each, take less than two after each other with two.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for
from typing import Any

from latens.app.study_arms import Trainings
from latens.app.warm_up import warm_up
from latens.errors import Interrupted, LatensError, TrainingError
from latens.progress import silent
from latens.studies._study import Arm

Piece = tuple[Arm, int]


@dataclass(frozen=True)
class Workers:
    """`count` trainings at a time."""

    count: int
    work: Trainings

    def serve(self, asked: Sequence[Piece], so_far: Mapping[str, float]) -> None:
        """Train all of `asked`, those first whose runs others read.

        Raises what a training raised, once the others have saved; `Interrupted` on Ctrl-C;
        `TrainingError` if a process died.
        """
        spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        bare = replace(self.work, observers=(), progress=silent, _images={})
        others = multiprocessing.active_children()
        with ProcessPoolExecutor(self.count, spawn, _begin, (bare,)) as pool:
            try:
                self._train(pool, list(asked))
            except BaseException as error:
                _interrupt(c for c in multiprocessing.active_children() if c not in others)
                if told := _told(error):
                    raise told from None
                raise

    def close(self) -> None:
        """Nothing is left open."""

    def _train(self, pool: ProcessPoolExecutor, waiting: list[Piece]) -> None:
        """Hand out pieces as processes become free; never more, because what waits in a pool
        cannot be taken back from it."""
        count, running = len(waiting), dict[Future[None], Piece]()
        while waiting or running:
            for piece in self._ready(waiting, running.values())[: self.count - len(running)]:
                waiting.remove(piece)
                running[pool.submit(_train, *piece)] = piece
            self.work.progress("trainings", count - len(waiting) - len(running), count)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                future.result()

    def _ready(self, waiting: Iterable[Piece], running: Iterable[Piece]) -> list[Piece]:
        """Those that read no run which is still to come."""
        to_come = {self.work.path(*piece) for piece in (*waiting, *running)}
        return [piece for piece in waiting if to_come.isdisjoint(self.work.needs(*piece))]


def _told(error: BaseException) -> LatensError | None:
    """In a sentence, what did not come from a training."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("Stopped between two steps; everything so far is saved.")
    if isinstance(error, BrokenProcessPool):
        return TrainingError(
            "Expected every training to end; a process died, perhaps for want of memory.",
            hint="Give the same command again, with fewer --workers.",
            code="worker-died",
        )
    return None


def _interrupt(children: Iterable[Any]) -> None:
    """Have each process save what it trains, and go."""
    for child in children:
        with suppress(ProcessLookupError):  # it ended just now
            os.kill(child.pid, signal.SIGINT)


class _Here:
    """What a process of the pool knows; `busy` is held while it trains."""

    work: Trainings
    busy = threading.Lock()


def _begin(work: Trainings) -> None:
    """Leave Ctrl-C to the parent, which tells each process once: a second one would not save.

    A training's loop answers by saving. Anywhere else there is nothing to save, and the process
    goes at once: an exception could be lost in the middle of an import.
    """
    _Here.work = work
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """If the parent is killed, save what is being trained and go."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os.kill(os.getpid(), signal.SIGINT)
    with _Here.busy:
        os._exit(1)


def _train(arm: Arm, seed: int) -> None:
    with _Here.busy:
        warm_up(_Here.work.options)
        _Here.work.train(arm, seed)
