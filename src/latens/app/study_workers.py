"""The trainings of a study side by side, in processes of this machine.

A network seldom keeps two cores busy, and how a training begins and ends is the work of one anyway:
two at a time, with a thread each, take less than two after each other with two.

Each process has a pipe of its own to the parent and shares no lock with another, so that one that
is killed at any moment holds up nobody. A closed pipe tells it to leave, and a parent that dies
closes its pipes as well.
"""

from __future__ import annotations

import _thread
import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait

from latens.app.study_arms import Trainings
from latens.app.warm_up import warm_up
from latens.errors import Interrupted, LatensError, TrainingError
from latens.progress import silent
from latens.studies._study import Arm

Piece = tuple[Arm, int]
Pipe = Connection


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
        bare = replace(self.work, observers=(), progress=silent, _images={})
        try:
            with _processes(min(self.count, len(asked)), bare) as pipes:
                self._train(pipes, list(asked))
        except KeyboardInterrupt:
            text = "Stopped between two steps; everything so far is saved."
            raise Interrupted(text) from None
        except (EOFError, ConnectionError):
            raise TrainingError(
                "Expected every training to end; a process died, perhaps for want of memory.",
                hint="Give the same command again, with fewer --workers.",
                code="worker-died",
            ) from None

    def close(self) -> None:
        """Nothing is left open."""

    def _train(self, idle: list[Pipe], waiting: list[Piece]) -> None:
        """Hand out pieces as processes become free."""
        count, running = len(waiting), dict[Pipe, Piece]()
        while waiting or running:
            for piece in self._ready(waiting, running.values())[: len(idle)]:
                waiting.remove(piece)
                running[pipe := idle.pop()] = piece
                pipe.send(piece)
            self.work.progress("trainings", count - len(waiting) - len(running), count)
            for pipe in set(running).intersection(wait(list(running))):
                if (error := pipe.recv()) is not None:
                    raise error
                del running[pipe]
                idle.append(pipe)

    def _ready(self, waiting: Iterable[Piece], running: Iterable[Piece]) -> list[Piece]:
        """Those that read no run which is still to come."""
        to_come = {self.work.path(*piece) for piece in (*waiting, *running)}
        return [piece for piece in waiting if to_come.isdisjoint(self.work.needs(*piece))]


@contextmanager
def _processes(count: int, work: Trainings) -> Iterator[list[Pipe]]:
    """The pipes of so many processes; at the end each saves what it trains, and goes."""
    spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    pipes, started = list[Pipe](), []
    try:
        for _ in range(count):
            ours, theirs = spawn.Pipe()
            pipes.append(ours)
            started.append(spawn.Process(target=_serve, args=(theirs, work)))
            with _ctrl_c_later():
                started[-1].start()
            theirs.close()  # or its end would not be noticed
        yield list(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in started:
            if process.pid is not None:
                process.join()


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Ctrl-C waits meanwhile: here, and in a process that is started until `_serve` can answer."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Pipe, work: Trainings) -> None:
    """Be one of the processes: train what the pipe brings, and send back None or the error.

    Ctrl-C is left to the parent. What interrupts is the end of the pipe: a training's loop answers
    by saving. Anywhere else there is nothing to save, and the process goes at once: an exception
    could be lost in the middle of an import.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))
    if hasattr(os, "setpgrp"):
        os.setpgrp()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    pieces, busy = queue.SimpleQueue[Piece](), threading.Lock()
    threading.Thread(target=_listen, args=(pipe, pieces, busy), daemon=True).start()
    while True:
        piece = pieces.get()
        with busy, suppress(ConnectionError):
            pipe.send(_trained(work, *piece))


def _listen(pipe: Pipe, pieces: queue.SimpleQueue[Piece], busy: threading.Lock) -> None:
    """Take pieces until the parent closes the pipe or dies; then save what is trained, and go."""
    with suppress(EOFError, ConnectionError):
        while True:
            pieces.put(pipe.recv())
    _thread.interrupt_main()
    with busy:
        os._exit(1)


def _trained(work: Trainings, arm: Arm, seed: int) -> BaseException | None:
    """Train; gives what was raised."""
    try:
        warm_up(work.options)
        work.train(arm, seed)
    except BaseException as error:
        if not isinstance(error, LatensError):  # a bug: where it is, the parent could not say
            error.add_note(traceback.format_exc())
        return error
    return None
