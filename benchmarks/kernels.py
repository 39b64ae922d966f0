"""The native kernels against torch's best equivalent, layer by layer, forward and backward.

    python benchmarks/kernels.py [--quick] [--bfloat16] [--threads N] [--json FILE]

Everything has channels last, at the shapes of CAE-10 and DAE-8 (networks.py), in float32; with
--bfloat16 normalisations and dropout in that. Dropout counts as no layer, because these networks
have none; convolutions after an enlargement are left out, being one transposed convolution with it.
Ways are timed in turn (A B A B), each long enough to be measured; a figure is the median over
rounds of the ratio within a round, torch's quickest way to ours. "of copying" compares the bytes
that the layer must read and write with what `torch.add` moves a second on the same map: 1.0 is the
speed of memory (more is possible where a map stays in the caches). Takes about four minutes; with
--quick one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from latens import kernels
from latens.kernels import build, ops
from latens.train.device import keep_memory
from machine import hardware, sentence
from networks import CAE_10, DAE_8, Network

LAST = torch.channels_last
Way = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One layer: how often it comes in the network, what it must move, who does it how."""

    name: str
    times: int
    floats: int
    native: Way
    torchs: dict[str, Way]
    copied: Tensor


def leaf(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape).to(kind).contiguous(memory_format=LAST).requires_grad_()


def both_ways(forward: Callable[[], Tensor], leaves: tuple[Tensor, ...], dy: Tensor) -> Way:
    return lambda: torch.autograd.grad(forward(), leaves, dy)


def norm(batch: int, side: int, channels: int, pool: bool, times: int, kind: torch.dtype) -> Case:
    x, weight = leaf(batch, channels, side, side, kind=kind), torch.ones(channels).requires_grad_()
    bias = torch.zeros(channels).requires_grad_()
    leaves = (x, weight, bias)

    def native() -> Tensor:
        return ops.norm_act(*leaves, 1e-5, relu=True, pool=pool)[0]

    def layers() -> Tensor:
        y = F.relu(F.batch_norm(x, None, None, weight, bias, training=True), inplace=True)
        return F.max_pool2d(y, 2, ceil_mode=True) if pool else y

    dy = leaf(*native().shape, kind=kind).detach()
    # Forward x twice, y once; backward x and dy twice, dx once.
    floats = 5 * x.numel() + 3 * dy.numel()
    name = f"normalise, ReLU{', pool' * pool} {channels} x {side} x {side}"
    torchs = {"layers": both_ways(layers, leaves, dy)}
    return Case(name, times, floats, both_ways(native, leaves, dy), torchs, x.detach())


def first(batch: int, side: int, channels: int, pool: bool) -> Case:
    """The first convolution with the normalisation, ReLU and maximum after it."""
    x, kernel = torch.rand(batch, 1, side, side), torch.randn(channels, 1, 3, 3).requires_grad_()
    scale, shift = torch.ones(channels).requires_grad_(), torch.zeros(channels).requires_grad_()
    leaves = (kernel, scale, shift)

    def native() -> Tensor:
        return ops.thin_norm(x, kernel, 1, 1, scale, shift, 1e-5, relu=True, pool=pool)[0]

    def after(y: Tensor) -> Tensor:
        y = F.relu(F.batch_norm(y, None, None, scale, shift, training=True), inplace=True)
        return F.max_pool2d(y, 2, ceil_mode=True) if pool else y

    def product() -> Tensor:
        y = F.unfold(x, 3, padding=1).transpose(1, 2) @ kernel.flatten(1).t()
        return after(y.unflatten(1, (side, side)).permute(0, 3, 1, 2))

    def convolved() -> Tensor:
        return after(F.conv2d(x.to(memory_format=LAST), kernel, padding=1))

    dy = leaf(*native().shape).detach()
    torchs = {
        "conv2d": both_ways(convolved, leaves, dy), "product": both_ways(product, leaves, dy),
    }  # fmt: skip
    wide = torch.randn(batch, channels, side, side).contiguous(memory_format=LAST)
    # Forward the wide map is written once and read twice, backward read twice.
    floats = 5 * wide.numel() + 3 * dy.numel()
    name = f"first convolution to ReLU{', pool' * pool} 1 to {channels}, {side} x {side}"
    return Case(name, 1, floats, both_ways(native, leaves, dy), torchs, wide)


def last(batch: int, side: int, channels: int) -> Case:
    x, weight = leaf(batch, channels, side, side), leaf(1, channels, 3, 3)
    bias = torch.zeros(1).requires_grad_()
    leaves = (x, weight, bias)

    def turned() -> Tensor:
        return F.conv_transpose2d(x, weight.flip(2, 3).transpose(0, 1), bias, padding=1)

    dy = torch.randn(batch, 1, side, side)
    torchs = {
        "conv2d": both_ways(lambda: F.conv2d(x, weight, bias, padding=1), leaves, dy),
        "conv_transpose2d": both_ways(turned, leaves, dy),
    }
    native = both_ways(lambda: ops.thin_out(x, weight, bias, 1), leaves, dy)
    name = f"last convolution {channels} to 1, {side} x {side}"
    return Case(name, 1, 3 * x.numel(), native, torchs, x.detach())


def loss(batch: int, side: int) -> Case:
    logits, target = leaf(batch, 1, side, side), torch.rand(batch, 1, side, side)
    one = torch.ones(())
    native = both_ways(lambda: ops.squared_error_of_logits(logits, target), (logits,), one)
    torchs = {
        "mse_loss": both_ways(
            lambda: F.mse_loss(logits.sigmoid(), target, reduction="sum"), (logits,), one
        ),
        "square": both_ways(lambda: (logits.sigmoid() - target).square().sum(), (logits,), one),
    }
    return Case("sigmoid, squared error", 1, 5 * logits.numel(), native, torchs, target)


def wide(batch: int, side: int, before: int, after: int, times: int) -> Case:
    x, weight = leaf(batch, before, side, side), leaf(after, before, 3, 3)
    leaves = (x, weight)
    dy = leaf(batch, after, side, side).detach()
    native = both_ways(lambda: ops.winograd(x, weight, None), leaves, dy)
    torchs = {"conv2d": both_ways(lambda: F.conv2d(x, weight, padding=1), leaves, dy)}
    name = f"convolution {before} to {after}, {side} x {side}"
    return Case(name, times, 3 * (x.numel() + dy.numel()), native, torchs, x.detach())


def wides(network: Network, batch: int) -> Iterator[Case]:
    """The convolutions that `winograd` takes."""
    words = [word for word in (*network.encoder, *network.decoder) if word != "pool"]
    before = [words[i - 1] for i, word in enumerate(words) if isinstance(word, int)]
    kinds = zip(network.convolutions(), before, strict=False)
    for (side, few, many), times in Counter(k for k, word in kinds if word != "up").items():
        x = torch.empty(batch, few, side, side).to(memory_format=LAST)
        if ops.winograd_applies(x, torch.empty(many, few, 3, 3), None):
            yield wide(batch, side, few, many, times)


def dropped(batch: int, side: int, channels: int, kind: torch.dtype) -> Case:
    x = leaf(batch, channels, side, side, kind=kind)
    dy = torch.randn_like(x)
    native = both_ways(lambda: ops.dropout(x, 0.5, 1, relu=True), (x,), dy)
    torchs = {"layers": both_ways(lambda: F.dropout(F.relu(x), 0.5), (x,), dy)}
    name = f"ReLU, dropout {channels} x {side} x {side}"
    return Case(name, 0, 5 * x.numel(), native, torchs, x.detach())


def cases(network: Network, batch: int, kind: torch.dtype) -> Iterator[Case]:
    """Each layer of the network that a kernel can do so; equal ones once, with their number."""
    (side, _, channels), *_, (end, before, _) = network.convolutions()
    words = [*network.encoder, *network.decoder, ""]
    pools = [words[i + 1] == "pool" for i, word in enumerate(words) if isinstance(word, int)]
    # In float32 the first normalisation belongs to the first convolution; the last one has none.
    own = 1 if kind == torch.float32 else 0
    norms = zip(network.convolutions()[own:-1], pools[own:], strict=True)
    for (at, of, pool), times in Counter((s, c, p) for (s, _, c), p in norms).items():
        yield norm(batch, at, of, pool, times, kind)
    yield dropped(batch, side, channels, kind)
    if kind == torch.float32:
        yield from wides(network, batch)
        yield first(batch, side, channels, pools[0])
        yield last(batch, end, before)
        yield loss(batch, end)


def seconds(way: Way, least: float) -> float:
    """Mean time of a call, over as many calls as take `least` seconds."""
    calls, began = 0, time.perf_counter()
    while True:
        way()
        calls += 1
        gone = time.perf_counter() - began
        if gone >= least:
            return gone / calls


def measured(case: Case, rounds: int, least: float) -> dict[str, object]:
    """Milliseconds, ratio with its spread, and the part of the speed of copying."""
    made = torch.empty_like(case.copied)
    ways = {
        "native": case.native,
        "copy": lambda: torch.add(case.copied, 1.0, out=made),
        **case.torchs,
    }
    for way in ways.values():
        way()
    times = [{name: seconds(way, least) for name, way in ways.items()} for _ in range(rounds)]
    middle = {name: statistics.median(t[name] for t in times) for name in ways}
    best = min(case.torchs, key=middle.__getitem__)
    ratios = sorted(t[best] / t["native"] for t in times)
    copying = statistics.median(t["copy"] / t["native"] for t in times)
    return {
        "layer": case.name, "times": case.times, "torch": best,
        "native_ms": 1e3 * middle["native"], "torch_ms": 1e3 * middle[best],
        "ratio": statistics.median(ratios), "lowest": ratios[0], "highest": ratios[-1],
        "of_copying": copying * case.floats / (2 * case.copied.numel()),
    }  # fmt: skip


def compare(
    network: Network, batch: int, rounds: int, least: float, kind: torch.dtype
) -> list[dict[str, object]]:
    """All layers of a network, told as they come, and their sum."""
    print(f"\n{network.title}, batch {batch}, {kind}")
    rows = []
    for case in cases(network, batch, kind):
        row = {"network": network.name, "batch": batch, **measured(case, rounds, least)}
        rows.append(row)
        print(
            "{times} x {layer:44} {native_ms:7.2f} ms, torch ({torch}) {torch_ms:7.2f} ms: "
            "{ratio:5.2f} times ({lowest:.2f} to {highest:.2f}), "
            "{of_copying:.2f} of copying".format(**row),
            flush=True,
        )
    ours, theirs = (
        sum(float(str(row[key])) * int(str(row["times"])) for row in rows)
        for key in ("native_ms", "torch_ms")
    )
    print(f"all of them: {ours:.1f} ms, torch {theirs:.1f} ms: {theirs / ours:.2f} times")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="CAE-10 at batch 128, three rounds")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write the figures into this file too")
    asked = parser.parse_args()
    began = time.perf_counter()
    build.build()
    print(f"build or look-up: {time.perf_counter() - began:.1f} s")
    if not kernels.ready():
        raise SystemExit(f"the native kernels cannot be used here: {kernels.state()}")
    torch.set_num_threads(asked.threads)
    keep_memory()
    found = hardware()
    print(f"{sentence(found)}; {asked.threads} threads")
    plan = [(CAE_10, 128)] if asked.quick else [(CAE_10, 128), (CAE_10, 256), (DAE_8, 128)]
    rounds, least = (3, 0.05) if asked.quick else (9, 0.15)
    kind = torch.bfloat16 if asked.bfloat16 else torch.float32
    rows = [row for which, batch in plan for row in compare(which, batch, rounds, least, kind)]
    if asked.json:
        document = {
            "hardware": found, "threads": asked.threads, "kind": str(kind), "layers": rows,
        }  # fmt: skip
        asked.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
