"""The machine's practical peak: how fast it multiplies and adds in float32 at this moment.

python benchmarks/calibrate.py [--threads N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

SIDE = 2048
SECONDS = 0.5


def gflops(threads: int, seconds: float = SECONDS, side: int = SIDE) -> float:
    """10^9 operations a second, in the better of two kinds of work done for `seconds` each.

    A product of two matrices, and a 3x3 convolution: the libraries behind them differ, and on some
    processors the convolution is much the quicker of the two.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    reached = max(_speed(*work, seconds) for work in (_product(side), _convolution()))
    torch.set_num_threads(before)
    return reached / 1e9


def _product(side: int) -> tuple[Callable[[], object], int]:
    """A product of square matrices, and its operations."""
    import torch

    a, b, product = (torch.rand(side, side) for _ in range(3))
    return lambda: torch.mm(a, b, out=product), 2 * side**3


def _convolution() -> tuple[Callable[[], object], int]:
    """3x3, 64 channels to 64, channels last; small enough that malloc keeps its memory."""
    import torch
    from torch.nn.functional import conv2d

    images, channels, pixels = 64, 64, 28
    maps = torch.rand(images, channels, pixels, pixels).to(memory_format=torch.channels_last)
    kernel = torch.rand(channels, channels, 3, 3).to(memory_format=torch.channels_last)
    operations = 2 * 9 * channels**2 * pixels**2 * images
    return lambda: conv2d(maps, kernel, padding=1), operations


def _speed(work: Callable[[], object], operations: int, seconds: float) -> float:
    """Operations a second in the quickest run: whatever else is running can only slow one down."""
    work()  # warms up
    quickest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        work()
        quickest = min(quickest, time.perf_counter() - begun)
    return operations / quickest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=0)
    from machine import cores

    threads = parser.parse_args().threads or cores()
    print(f"{gflops(threads):.0f} GFLOP/s on {threads} threads")


if __name__ == "__main__":
    main()
