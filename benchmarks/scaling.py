"""What several processes cost one training, seen here, and computed for many machines and GPUs.

    python benchmarks/scaling.py [docs/growth.md] [--quick] [--out benchmarks/results/growth.json]

Seen, on this machine: seconds of an update by images in the batch, of preparing a batch, of adding
up gradients between two processes (gloo) by bytes, and the whole training in two processes of one
thread against one of two. Computed, from a model with those and with a network's latency and
bandwidth:

    update(p) = compute(share) + prepare(whole batch) + exchange(p)
    exchange(p) = messages * log2(p) * latency
                + 2 (p - 1) / p * 4 * parameters / bandwidth + 2 (p - 1) * latency

where every process prepares the whole batch and computes with its share, each batch normalisation
sends two small messages, the loop one, and gradients (4 bytes a parameter) are added up in a ring
(Patarasuk and Yuan 2009). Nothing is taken to overlap, although gradients are sent while the rest
is still computed: so the model errs on the slow side. What it says of two processes here stands
beside what was seen.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from distributed import BATCH, address, race
from latens import catalog, recipes
from latens.data.batches import Batch, Batches
from latens.data.image_set import ImageSet
from latens.nn.model import Model, build, count_parameters
from latens.spec import ConvSpec, ReconstructSpec
from latens.train.device import keep_memory
from machine import hardware, sentence
from rows import Row, write

HERE = Path(__file__).resolve().parent
SHARES = (16, 32, 64, 128)  # images of a process in an update
BYTES = (256, 65_536, 1 << 20, 1 << 22, 1 << 24)
SIZES = (1, 2, 4, 8, 16, 64)
MARK = re.compile(r"(<!-- scaling -->\n).*?(<!-- end -->)", re.DOTALL)
GPU = 100  # how much faster than one thread a GPU is taken to be


@dataclass(frozen=True)
class Line:
    """Seconds as a straight line: `fixed` and `each` for a unit more."""

    fixed: float
    each: float

    def __call__(self, count: float) -> float:
        return self.fixed + self.each * count


@dataclass(frozen=True)
class Link:
    """What connects at `most` so many processes: seconds for a message, bytes a second."""

    name: str
    latency: float
    bandwidth: float
    most: int = 1 << 20


# Usual figures of such networks, a little below what their makers say.
LINKS = (
    Link("Ethernet, 1 Gbit/s", 100e-6, 0.11e9),
    Link("Ethernet, 10 Gbit/s", 50e-6, 1.1e9),
    Link("InfiniBand, 100 Gbit/s", 5e-6, 11e9),
)
NVLINK = Link("NVLink, within a machine", 10e-6, 200e9, most=8)


@dataclass(frozen=True)
class Network:
    """What the model needs to know of a network: counted, and measured on this machine."""

    name: str
    parameters: int
    norms: int
    compute: Line  # by images of a process
    prepare: Line  # by images of the whole batch

    def update(self, processes: int, share: int, link: Link) -> float:
        """Computed seconds of an update of `processes` times `share` images."""
        work = self.compute(share) + self.prepare(processes * share)
        return work + (exchange(self, processes, link) if processes > 1 else 0.0)


def exchange(network: Network, processes: int, link: Link) -> float:
    """Computed seconds in which processes wait for one another's messages, in an update."""
    small = (2 * network.norms + 1) * math.log2(processes) * link.latency
    part = 2 * (processes - 1)
    return small + part / processes * 4 * network.parameters / link.bandwidth + part * link.latency


def measured(name: str, model: Model, shape: tuple[int, int, int], repeats: int) -> Network:
    """Time updates and the preparing of batches, one thread, in this process."""
    prepare, compute = [], []
    objective = catalog.load("objectives", "reconstruct").build(ReconstructSpec())
    adam = torch.optim.Adam(model.parameters(), fused=True)
    rng = np.random.default_rng(0)
    images = ImageSet(rng.integers(0, 256, (4 * max(SHARES), *shape), dtype=np.uint8))
    for share in SHARES:
        batches = Batches(images, np.arange(len(images)), share, torch.device("cpu"))
        batch = next(batches.epoch(0))

        def update(batch: Any = batch) -> None:
            objective.step(model, batch).loss.backward()
            adam.step()
            adam.zero_grad()

        compute.append(_median(update, repeats))
        prepare.append(_median(partial(_first, batches), repeats))
    norms = sum(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in model.modules())
    return Network(name, count_parameters(model), norms, _line(compute), _line(prepare))


def _first(batches: Batches) -> Batch:
    return next(batches.epoch(0))


def _median(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats + 2):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times[2:])


def _line(seconds: Sequence[float], places: Sequence[float] = SHARES) -> Line:
    """The straight line of least relative squares; its start is not below 0."""
    weights = 1 / np.asarray(seconds)
    each, fixed = np.polyfit(places, seconds, 1, w=weights)
    return Line(max(0.0, float(fixed)), float(each))


def seen_link(repeats: int) -> Link:
    """Latency and bandwidth of gloo between two processes on this machine."""
    command = [sys.executable, __file__, "--link", str(repeats)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
        for environment in address(2)
    ]
    answer, _ = processes[0].communicate()
    processes[1].communicate()
    seconds: list[float] = json.loads(answer)
    line = _line(seconds, BYTES)
    # Of two processes each sends its gradients once, and the ring's start costs twice the latency.
    return Link("two processes of this machine", seconds[0] / 2, 1 / line.each)


def link_worker(repeats: int) -> None:
    """One of two processes that add up tensors; the first one says how long each size took."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    seconds = []
    for size in BYTES:
        values = torch.zeros(size // 4)
        seconds.append(_median(partial(dist.all_reduce, values), repeats))
    if dist.get_rank() == 0:
        print(json.dumps(seconds), flush=True)
    dist.barrier()
    dist.destroy_process_group()


def networks(repeats: int) -> list[Network]:
    """Report 2's autoencoder on MNIST's size, and latens' own on 64x64 colour images."""
    torch.set_num_threads(1)
    keep_memory()
    small, large = (1, 28, 28), (3, 64, 64)
    specs = {
        "report 2's autoencoder, 28x28": (ConvSpec(), small),
        "latens' own, 64x64 in colour": (recipes.encoder(recipes.latent(large)), large),
    }
    found = []
    for name, (spec, shape) in specs.items():
        model = build(spec, shape, decoder=True)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        found.append(measured(name, model.train(), shape, repeats))
    return found


def page(found: list[Network], link: Link, ratios: dict[str, float]) -> str:
    """The tables in Markdown, what was seen first."""
    first = found[0]
    predicted = first.update(1, BATCH, link) / first.update(2, BATCH // 2, link)
    seen_rows = [
        (n.name, f"{n.parameters:,}", f"{n.norms}", _ms(n.compute(16)), _ms(n.compute(128)),
         _ms(n.prepare(128)))
        for n in found
    ]  # fmt: skip
    return "\n\n".join([
        f"**Seen** ({sentence(hardware())}; {date.today()}; medians, one thread):",
        _table(("network", "parameters", "batch norms", "update of 16 images, ms", "of 128, ms",
                "preparing 128, ms"), seen_rows),
        f"Adding up between two processes here (gloo): {link.latency * 1e6:.0f} microseconds for a "
        f"message each way, then {link.bandwidth / 1e9:.2f} GB/s. Report 2's autoencoder at batch "
        f"{BATCH} in two processes of one thread: {ratios['one']:.2f} times the speed of one "
        f"process of one thread ({predicted:.2f} by the model), and {ratios['two']:.2f} times that "
        "of one process of two threads.",
        "**Computed**, not seen: the speed of so many processes, in percent of so many times that "
        "of one, where each has 128 images of the batch and computes like one thread here:",
        _efficiencies(found, LINKS, SIZES[1:]),
        "The same where the whole batch stays at 128 images, and with it the training:",
        _efficiencies(found, LINKS, SIZES[1:5], whole=128),
        f"GPUs that compute and prepare {GPU} times as fast as one thread here (assumed, as are "
        "their connections), 128 images each:",
        _efficiencies([_faster(n) for n in found], (NVLINK, LINKS[-1]), SIZES[1:]),
    ])  # fmt: skip


def _efficiencies(
    found: Sequence[Network], links: Sequence[Link], sizes: Sequence[int], whole: int = 0
) -> str:
    """A table: 128 images a process, or `whole` images shared among them."""
    rows = []
    for network in found:
        for link in links:
            cells = [_efficiency(network, p, whole // p or 128, link, whole or 128) for p in sizes]
            rows.append((network.name, link.name, *cells))
    return _table(("network", "connected by", *(f"{size}" for size in sizes)), rows)


def _faster(n: Network) -> Network:
    compute, prepare = (Line(x.fixed / GPU, x.each / GPU) for x in (n.compute, n.prepare))
    return Network(n.name, n.parameters, n.norms, compute, prepare)


def _efficiency(n: Network, processes: int, share: int, link: Link, alone: int) -> str:
    """Speed of `processes` over so many times that of one with `alone` images, in percent."""
    if processes > link.most:
        return "–"
    one = alone / n.update(1, alone, link)
    many = processes * share / n.update(processes, share, link)
    return f"{100 * many / (processes * one):.0f}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("page", type=Path, nargs="?", help="a page whose tables are written anew")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "growth.json")
    parser.add_argument("--link", type=int, default=0)
    given = parser.parse_args()
    if given.link:
        return link_worker(given.link)
    repeats, rounds, steps = (5, 1, 5) if given.quick else (40, 7, 20)
    speeds = race(rounds, steps)
    two, *_ = speeds
    others = {"two": "1 process x 2 threads", "one": "1 process x 1 thread"}
    ratios = {
        name: statistics.median(a / b for a, b in zip(speeds[two], speeds[other], strict=True))
        for name, other in others.items()
    }
    text = page(networks(repeats), seen_link(repeats), ratios)
    print(text)
    note = "report 2's autoencoder, batch 128; gloo"
    rows = [
        Row(f"Two processes of one thread, of the speed of {other}", None, 100 * ratios[name], "%",
            note, "higher", "python benchmarks/scaling.py")
        for name, other in others.items()
    ]  # fmt: skip
    write(given.out, rows, "scaling.py")
    if given.page:
        whole = given.page.read_text()
        given.page.write_text(MARK.sub(lambda m: m[1] + "\n" + text + "\n\n" + m[2], whole))
    return None


if __name__ == "__main__":
    main()
