"""Contestants in persistent processes, asked in turn: A B C, B C A, C A B, ...

A machine whose clock changes is fair to all within a round, so figures are ratios within rounds.
Between rounds a matrix product and a convolution tell what the machine can do at that moment. A
contestant that fails is told and left out; the others go on.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from calibrate import gflops
from networks import NETWORKS
from plan import CONTESTANTS, Block, Entry

HERE = Path(__file__).resolve().parent
ANSWER_SECONDS = 900.0  # a contestant that is silent for longer is given up

Say = Callable[[str], None]


class Failed(Exception):
    """A contestant ended, answered with an error, or is not what was asked for."""


class Worker:
    """A contestant's process. `close` ends it; so does the end of a `with` block."""

    def __init__(self, entry: Entry, block: Block, images: Path, threads: int) -> None:
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [
                sys.executable, str(HERE / "worker.py"), entry.module, block.network,
                str(block.batch), str(threads), str(images), str(block.needed), entry.variant,
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**os.environ, **_alone(threads), **entry.environment},
        )  # fmt: skip
        try:
            told = self._answer()
            self.ready_seconds = time.perf_counter() - began
            self.native = bool(told["native"])
            _require_parameters(told["parameters"], block)
        except BaseException:
            self.close()
            raise

    def train(self, steps: int) -> float:
        """Seconds for so many updates."""
        return float(self._ask(f"train {steps}")["seconds"])

    def peak_mb(self) -> float:
        """The most memory that the process ever held."""
        return float(self._ask("memory")["peak_mb"])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            raise Failed(self._last_words()) from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        pipe = self._process.stdout
        assert pipe
        if not select.select([pipe], [], [], ANSWER_SECONDS)[0]:
            raise Failed(f"no answer in {ANSWER_SECONDS:.0f} seconds")
        line = pipe.readline()
        if not line:
            raise Failed(self._last_words())
        answer = dict(json.loads(line))
        if "error" in answer:
            raise Failed(str(answer["error"]))
        return answer

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"its process ended with code {code}" + (f": {lines[-1][:300]}" if lines else "")

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_kernels() -> None:
    """Build latens' native kernels before anything is timed; says what came of it."""
    subprocess.run([sys.executable, "-m", "latens.kernels.build"], check=False)


def race(block: Block, images: Path, rounds: int, threads: int, say: Say) -> dict[str, Any]:
    """One block: starts, first steps, and `rounds` rounds, after one that warms up each start.

    Returns what stands under `blocks` in the file of results: plain numbers, every round. In a
    round each contestant trains an epoch of one step and one of `steps` more: their difference is
    what `steps` take in the midst of an epoch, however long a library takes to begin one.
    """
    found: dict[str, Any] = {
        "network": block.network, "batch": block.batch, "images": block.steps * block.batch,
        "ready": {}, "first": {}, "native": {}, "errors": {}, "rounds": [], "peaks": [],
        "starts": max(1, min(block.starts, rounds)),
    }  # fmt: skip
    for start in range(found["starts"]):
        until = rounds * (start + 1) // found["starts"]
        with ExitStack() as running:
            workers = _started(block, images, threads, found, say, running)
            _each(workers, list(workers), found, say, lambda w: w.train(1), found["first"])
            _each(workers, list(workers), found, say, lambda w: w.train(block.steps), {})
            while len(found["rounds"]) < until:
                _round(workers, block, threads, found, say)
                say(f"  round {len(found['rounds'])} of {rounds}: {_last_speeds(found)}")
    found["peaks"].append(gflops(threads))
    return found


def _round(
    workers: dict[str, Worker], block: Block, threads: int, found: dict[str, Any], say: Say
) -> None:
    found["peaks"].append(gflops(threads))
    names, took = _rotated(list(workers), len(found["rounds"])), dict[str, Any]()
    _each(workers, names, found, say, lambda w: _epochs(w, block), took)
    found["rounds"].append(took)


def _started(
    block: Block, images: Path, threads: int, found: dict[str, Any], say: Say, running: ExitStack
) -> dict[str, Worker]:
    workers: dict[str, Worker] = {}
    for name in block.contestants:
        if name in found["errors"]:  # it was given up in an earlier start
            continue
        with _told(name, found, say):
            worker = Worker(CONTESTANTS[name], block, images, threads)
            workers[name] = running.enter_context(worker)
            found["ready"][name], found["native"][name] = worker.ready_seconds, worker.native
    return workers


def _epochs(worker: Worker, block: Block) -> dict[str, float]:
    """Seconds of an epoch of one step, and of one that is `steps` longer."""
    return {"single": worker.train(1), "whole": worker.train(block.steps + 1)}


def _each(
    workers: dict[str, Worker], names: Iterable[str], found: dict[str, Any], say: Say,
    work: Callable[[Worker], Any], results: dict[str, Any],
) -> None:  # fmt: skip
    """`work` with each in turn; one that fails takes no more part."""
    for name in names:
        with _told(name, found, say):
            results[name] = work(workers[name])
        if name in found["errors"]:
            workers.pop(name).close()


@contextmanager
def _told(name: str, found: dict[str, Any], say: Say) -> Iterator[None]:
    """Note a contestant's failure and go on."""
    try:
        yield
    except Failed as failed:
        found["errors"][name] = str(failed)
        say(f"  {name} is left out: {failed}")


def memory(block: Block, images: Path, threads: int, say: Say) -> dict[str, Any]:
    """Peak memory of each contestant's process after one epoch, one process after the other."""
    found: dict[str, Any] = {
        "network": block.network, "batch": block.batch, "images": block.steps * block.batch,
        "peak_mb": {}, "native": {}, "errors": {},
    }  # fmt: skip

    for name in block.contestants:
        with (
            _told(name, found, say),
            Worker(CONTESTANTS[name], block, images, threads) as worker,
        ):
            worker.train(block.steps)
            found["peak_mb"][name], found["native"][name] = worker.peak_mb(), worker.native
            say(f"  {name}: {found['peak_mb'][name]:.0f} MB")
    return found


def _rotated(names: list[str], number: int) -> list[str]:
    """Another one begins each round, so that none always comes after the same work."""
    first = number % max(1, len(names))
    return names[first:] + names[:first]


def _require_parameters(count: int, block: Block) -> None:
    expected = NETWORKS[block.network].parameters
    if count != expected:
        raise Failed(f"expected a network of {expected:,} parameters; it has {count:,}")


def _alone(threads: int) -> Mapping[str, str]:
    """So many threads, no GPU, and nothing of an enclosing training."""
    return {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}


def _last_speeds(found: Mapping[str, Any]) -> str:
    took, images = found["rounds"][-1], found["images"]
    speeds = {name: images / (each["whole"] - each["single"]) for name, each in took.items()}
    return ", ".join(f"{name} {speed:,.0f}" for name, speed in sorted(speeds.items()))
