"""The trainings of a study side by side, in processes of this machine.

A small network leaves the second core half idle, and how a training begins and ends is the work of
one core anyway: two at a time, with a thread each, take less than two after each other with two.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for
from typing import Any

from latens.app.study_arms import Trainings
from latens.app.warm_up import warm_up
from latens.errors import Interrupted, TrainingError
from latens.progress import silent
from latens.studies._study import Arm

Piece = tuple[Arm, int]
STOPPED = "Stopped between two steps; everything so far is saved."


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
        stop, bare = spawn.Event(), replace(self.work, observers=(), progress=silent, _images={})
        others = multiprocessing.active_children()
        with ProcessPoolExecutor(self.count, spawn, _begin, (bare, stop)) as pool:
            try:
                self._train(pool, list(asked))
            except BrokenProcessPool as error:
                raise TrainingError(
                    "Expected every training to end; a process died, perhaps for want of memory.",
                    hint="Give the same command again, with fewer --workers.",
                    code="worker-died",
                ) from error
            except KeyboardInterrupt:
                raise Interrupted(STOPPED) from None
            finally:
                stop.set()
                _interrupt(
                    child for child in multiprocessing.active_children() if child not in others
                )

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


def _interrupt(children: Iterable[Any]) -> None:
    """Ask each process to save and stop; those without work do not hear it."""
    for child in children:
        os.kill(child.pid, signal.SIGINT)


class _Here:
    """What a process of the pool knows; `busy` is held while it trains."""

    work: Trainings
    stop: Any
    busy = threading.Lock()


def _begin(work: Trainings, stop: Any) -> None:
    """Leave Ctrl-C to the parent, which tells each process once: a second one would not save."""
    _Here.work, _Here.stop = work, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """If the parent is killed, save what is being trained and go."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    _Here.stop.set()
    os.kill(os.getpid(), signal.SIGINT)
    with _Here.busy:
        os._exit(1)


def _train(arm: Arm, seed: int) -> None:
    with _Here.busy:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            if _Here.stop.is_set():
                raise KeyboardInterrupt
            warm_up(_Here.work.options)
            _Here.work.train(arm, seed)
        except KeyboardInterrupt:
            raise Interrupted(STOPPED) from None
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
