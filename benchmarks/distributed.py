"""Two processes of one thread against one process of two threads, as ratios in one run.

    python benchmarks/distributed.py [--rounds 7] [--steps 20]

The network is report 2's ten-layer autoencoder on 28x28 images, batch 128 in all, Adam: the same
training, which both finish with the same curve. They run in turn (A B, A B, ...), each in
processes of its own that live through all rounds and sleep while the others work; figures are
medians over rounds. A third contestant, one process of one thread, says what a second core is
worth at all.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from latens import catalog, processes
from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.nn.model import build
from latens.spec import ConvSpec, PhaseSpec, ReconstructSpec, TrainSpec
from latens.train.device import place
from latens.train.distributed import world
from latens.train.loop import Training, fit

BATCH = 128
CONTESTANTS = {"2 processes x 1 thread": (2, 1), "1 process x 2 threads": (1, 2),
               "1 process x 1 thread": (1, 1)}  # fmt: skip


def training(steps: int, threads: int) -> Training:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH * steps + 2, 1, 28, 28), dtype=np.uint8)
    data, spec = ImageSet(images), TrainSpec(batch_size=BATCH, keep="last", threads=threads)
    placement, every = place(spec), np.arange(len(images))
    phase = PhaseSpec(name="autoencoder", groups=("encoder", "decoder"), epochs=1)
    return Training(
        build(ConvSpec(), data.shape, decoder=True),
        catalog.load("objectives", "reconstruct").build(ReconstructSpec()), (phase,), spec,
        Batches(data, every[:-2], BATCH, placement.device),
        Batches(data, every[-2:], 2, placement.device), placement, world=world(),
    )  # fmt: skip


def worker(steps: int, threads: int) -> None:
    """Train once for each line on the leader's standard input; answer with images a second."""
    t = training(steps, threads)
    while t.world.shared(processes.leads() and bool(sys.stdin.readline())):
        begun = time.perf_counter()
        fit(t)
        if processes.leads():
            print(BATCH * steps / (time.perf_counter() - begun), flush=True)


def started(count: int, threads: int, steps: int) -> list[subprocess.Popen[str]]:
    """The processes of one contestant, the leader first."""
    command = [sys.executable, __file__, "--worker", str(threads), "--steps", str(steps)]
    return [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | told
        )
        for told in address(count)
    ]  # fmt: skip


def address(count: int) -> list[dict[str, str]]:
    """What `torchrun` would put into the environment of each of so many processes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    told = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
    every = {name: str(value) for name, value in told.items()} | {"MASTER_ADDR": "localhost"}
    return [every | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]


def race(rounds: int, steps: int) -> dict[str, list[float]]:
    """Images a second of each contestant in each round; the first round warms up."""
    workers = {name: started(*kind, steps) for name, kind in CONTESTANTS.items()}
    speeds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for number in range(rounds + 1):
        for name, (leader, *_) in workers.items():
            assert leader.stdin and leader.stdout
            leader.stdin.write("go\n")
            leader.stdin.flush()
            speed = float(leader.stdout.readline())
            if number:
                speeds[name].append(speed)
    for leader, *others in workers.values():
        leader.communicate()
        for other in others:
            other.wait()
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--worker", type=int, default=0)
    given = parser.parse_args()
    if given.worker:
        return worker(given.steps, given.worker)
    speeds = race(given.rounds, given.steps)
    print(f"torch {torch.__version__}, batch {BATCH}, {given.rounds} rounds of {given.steps} steps")
    for name, found in speeds.items():
        print(f"{name:>24}  {statistics.median(found):7.0f} images a second (median)")
    two, *others = speeds
    for other in others:
        ratios = [a / b for a, b in zip(speeds[two], speeds[other], strict=True)]
        print(f"{two} / {other}: {statistics.median(ratios):.3f} "
              f"({min(ratios):.3f} to {max(ratios):.3f})")  # fmt: skip
    return None


if __name__ == "__main__":
    main()
