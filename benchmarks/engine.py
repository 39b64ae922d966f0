"""The engine against hand-written PyTorch of the same network, as ratios in one run.

    python benchmarks/engine.py [--rounds 7] [--steps 40]

The network is report 2's ten-layer autoencoder on 28x28 images, batch 128, Adam. Each contestant
lives in a process of its own and runs in turn (A B C D, A B C D, ...), so that a machine whose
clock changes is fair to all; the figures are medians of the ratios within a round.

    engine          latens' whole training loop: batches, records, checks, allocator setting
    bare            the same step without the loop around it, with the same allocator setting
    channels-last   as a person would write it, channels-last
    contiguous      the same in PyTorch's default layout
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latens import catalog
from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.nn.model import build
from latens.spec import ConvSpec, PhaseSpec, ReconstructSpec, TrainSpec
from latens.train.device import keep_memory, place
from latens.train.loop import Training, fit

BATCH = 128
NAMES = ("engine", "bare", "channels-last", "contiguous")


def images(steps: int) -> ImageSet:
    rng = np.random.default_rng(0)
    return ImageSet(rng.integers(0, 256, (BATCH * steps + 256, 1, 28, 28), dtype=np.uint8))


def engine(steps: int) -> Callable[[], None]:
    data, spec = images(steps), TrainSpec(batch_size=BATCH, keep="last")
    placement = place(spec)
    model = build(ConvSpec(), data.shape, decoder=True)
    every = np.arange(len(data))
    phase = PhaseSpec(name="autoencoder", groups=("encoder", "decoder"), epochs=1)

    def train() -> None:
        fit(Training(
            model, catalog.load("objectives", "reconstruct").build(ReconstructSpec()), (phase,),
            spec, Batches(data, every[:-256], BATCH, placement.device),
            Batches(data, every[-2:], 2, placement.device), placement,
        ))  # fmt: skip

    return train


def plain(steps: int, layout: torch.memory_format, *, keep: bool = False) -> Callable[[], None]:
    """Hand-written: uint8 in memory, shuffled, one fused Adam; nothing of latens in the loop."""
    if keep:
        keep_memory()
    data = torch.from_numpy(images(steps).images)[:-256]
    model = network().to(memory_format=layout)
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def train() -> None:
        order = torch.randperm(len(data))
        for start in range(0, len(data), BATCH):
            x = data[order[start : start + BATCH]].float().div_(255).to(memory_format=layout)
            loss: Tensor = F.mse_loss(model(x), x)
            loss.backward()
            adam.step()
            adam.zero_grad()

    return train


def network() -> nn.Module:
    """Ten blocks of convolution, batch normalisation and ReLU, and a sigmoid convolution."""

    def block(before: int) -> list[nn.Module]:
        conv = nn.Conv2d(before, 32, 3, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(32), nn.ReLU(inplace=True)]

    def up() -> nn.Module:
        return nn.Upsample(scale_factor=2)

    layers = [*block(1), nn.MaxPool2d(2), *block(32), nn.MaxPool2d(2)]
    for _ in range(7):
        layers += block(32)
    layers += [up(), *block(32), up(), nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid()]
    return nn.Sequential(*layers)


def worker(name: str, steps: int) -> None:
    """Train once for each line on standard input; answer with images a second."""
    contestants = {
        "engine": lambda: engine(steps),
        "bare": lambda: plain(steps, torch.channels_last, keep=True),
        "channels-last": lambda: plain(steps, torch.channels_last),
        "contiguous": lambda: plain(steps, torch.contiguous_format),
    }
    train = contestants[name]()
    for _ in sys.stdin:
        begun = time.perf_counter()
        train()
        print(BATCH * steps / (time.perf_counter() - begun), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--worker", default="")
    given = parser.parse_args()
    if given.worker:
        return worker(given.worker, given.steps)
    speeds = race(given.rounds, given.steps)
    best = max(("channels-last", "contiguous"), key=lambda n: statistics.median(speeds[n]))
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {given.rounds} rounds")
    for name in NAMES:
        print(f"{name:>14}  {statistics.median(speeds[name]):7.0f} images a second (median)")
    for against in ("bare", best):
        ratios = [a / b for a, b in zip(speeds["engine"], speeds[against], strict=True)]
        print(
            f"engine / {against}: {statistics.median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f})"
        )
    return None


def race(rounds: int, steps: int) -> dict[str, list[float]]:
    """Images a second of each contestant in each round; the first round warms up."""
    workers = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--worker", name, "--steps", str(steps)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in NAMES
    }  # fmt: skip
    speeds: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(rounds + 1):
        for name, process in workers.items():
            assert process.stdin and process.stdout
            process.stdin.write("go\n")
            process.stdin.flush()
            speed = float(process.stdout.readline())
            if number:
                speeds[name].append(speed)
    for process in workers.values():
        process.communicate()
    return speeds


if __name__ == "__main__":
    main()
