"""The machine's practical peak: how fast it multiplies two float32 matrices at this moment.

python benchmarks/calibrate.py [--threads N]
"""

from __future__ import annotations

import argparse
import time

SIDE = 2048
SECONDS = 0.5


def gflops(threads: int, seconds: float = SECONDS, side: int = SIDE) -> float:
    """10^9 operations a second in the quickest product of `seconds`; 2 * side^3 operations each.

    The quickest, because whatever else runs on the machine can only slow a product down.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.rand(side, side), torch.rand(side, side)
    product = a @ b  # warms up
    quickest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        torch.mm(a, b, out=product)
        quickest = min(quickest, time.perf_counter() - begun)
    torch.set_num_threads(before)
    return 2 * side**3 / quickest / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=0)
    from machine import cores

    threads = parser.parse_args().threads or cores()
    print(f"{gflops(threads):.0f} GFLOP/s on {threads} threads")


if __name__ == "__main__":
    main()
