"""Has the engine become slower? latens against PyTorch by hand, as ratios; about two minutes.

    python benchmarks/guard.py [--threads N] [--rounds 7]

`make bench-quick` runs it in the ordinary environment. It exits with 1 if the median of a ratio is
below its floor. Ratios are against the faster of PyTorch's two memory layouts; the floors leave
room for a disturbed machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import images
import machine
from figures import BlockOfRounds, ratio, speed
from plan import BLOCKS, ROUNDS
from race import build_kernels, race

BY_HAND = ("torch", "torch-channels-last")
FLOORS = {"latens-pure": 1.25, "latens": 1.7}
BLOCK = replace(BLOCKS[0], images=2560, contestants=(*FLOORS, *BY_HAND))


def verdicts(found: BlockOfRounds, floors: Mapping[str, float]) -> list[tuple[str, bool]]:
    """A line for each floor, and whether it holds; what could not run does not hold."""
    return [_verdict(found, name, floor) for name, floor in floors.items()]


def _verdict(found: BlockOfRounds, name: str, floor: float) -> tuple[str, bool]:
    speeds = {rival: s.median for rival in BY_HAND if (s := speed(found, rival))}
    faster = max(speeds, key=speeds.__getitem__, default="")
    figure = ratio(found, name, faster) if faster else None
    if figure is None:
        return f"{name}: could not be compared: {found['errors']}", False
    holds = figure.median >= floor
    return (
        f"{name} / {faster}: {figure.median:.2f} ({figure.low:.2f} to {figure.high:.2f}), "
        f"{'at least' if holds else 'BELOW'} {floor}"
    ), holds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args(arguments)
    build_kernels()
    with tempfile.TemporaryDirectory() as folder:
        shown, words = images.written(Path(folder))
        print(f"CAE-10, batch 128, {given.threads} threads, {words}; images a second:")
        found = race(
            BLOCK, shown, given.rounds, given.threads, lambda line: print(line, flush=True)
        )
    floors = dict(FLOORS)
    if not found["native"].get("latens"):
        del floors["latens"]  # no compiler: it is the same path as without kernels
    told = verdicts(found, floors)
    print(*(line for line, _ in told), sep="\n")
    sys.exit(0 if all(holds for _, holds in told) else 1)


if __name__ == "__main__":
    main()
