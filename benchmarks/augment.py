"""What corruptions and augmentations cost: images a second for a batch of 128, on one thread.

    python benchmarks/augment.py [NAME ...] [--device cpu] [--rounds 100] [--strength 1]

MNIST's 28x28x1 and CIFAR-10's 32x32x3, the latter in the layout of the training loop
(channels-last) and in PyTorch's own (contiguous); one channel lies the same in memory in both.
Medians over the rounds, of the processor's time, so that other work on the machine matters less
(on a GPU, of the time that passes). To compare: latens' default classifier of MNIST trains at
some 5,000 images a second on two cores.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from latens import catalog
from latens.train.device import keep_memory

BATCH = 128
CASES = {
    "28x28x1": (1, 28, torch.contiguous_format),
    "32x32x3 channels-last": (3, 32, torch.channels_last),
    "32x32x3 contiguous": (3, 32, torch.contiguous_format),
}


def speed(work: Callable[[], Tensor], rounds: int, device: torch.device) -> float:
    """Images a second in the median round, after a few that warm up."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    seconds = []
    for _ in range(rounds + 10):
        begun = clock()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - begun)
    return BATCH / statistics.median(seconds[10:])


def row(name: str, strength: float, rounds: int, device: torch.device) -> list[float]:
    apply = catalog.load("corrupt", name).apply
    draw = torch.Generator(device).manual_seed(0)
    speeds = []
    for channels, side, layout in CASES.values():
        x = torch.rand(BATCH, channels, side, side, device=device).contiguous(memory_format=layout)

        def work(x: Tensor = x) -> Tensor:
            done: Tensor = apply(x, strength, draw)
            return done

        speeds.append(speed(work, rounds, device))
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=catalog.names("corrupt"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--strength", type=float, default=1.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()  # as training does
    print(f"images a second, batch {BATCH}, 1 thread, torch {torch.__version__}, {given.device}")
    print(" " * 16 + "".join(f"{case:>23}" for case in CASES))
    for name in given.names:
        speeds = row(name, given.strength, given.rounds, torch.device(given.device))
        print(f"{name:<16}" + "".join(f"{each:>23,.0f}" for each in speeds), flush=True)


if __name__ == "__main__":
    main()
