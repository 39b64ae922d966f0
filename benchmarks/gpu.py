"""Everything that is measured on a GPU, in one call on one machine.

    LATENS_DATA=DIR python benchmarks/gpu.py [--out benchmarks/results/gpu.json] [--tiny]

Needs torch with CUDA, and the package airbench for its row (`pip install airbench torchvision`);
what is missing is told, and the rest is measured. The recipes are those of `latens classify`, with
the set resident on the device, channels-last, in bfloat16, timed after a training that warms up.
Rows go to gpu.json as `write_performance.py` wants them; where the time goes stands beside them, in
gpu.txt. `--tiny` runs all of it on a CPU in seconds, on sizes that mean nothing.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import images
import machine
from contestants import Job, by_hand, engine
from networks import CAE_4, CAE_10

ROUNDS = 7
OUT = Path(__file__).resolve().parent / "results" / "gpu.json"


@dataclass(frozen=True)
class Recipe:
    """A training of `latens.classify`: `options` are its arguments, `seconds` what was asked."""

    work: str
    data: str
    accuracy: float
    seconds: float
    options: dict[str, Any]


RECIPES = (
    Recipe("MNIST classifier, 99.0%", "mnist", 0.990, 0.3, {"epochs": 1, "batch_size": 512}),
    Recipe("MNIST classifier, 99.5%", "mnist", 0.995, 3.0, {"batch_size": 512}),
)
TINY = (Recipe("digits classifier, 10%", "digits", 0.1, 60.0, {"epochs": 1}),)
CIFAR = "cifar10-jpeg"


def main(arguments: Sequence[str] | None = None) -> None:
    given = _given(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not given.tiny:
        sys.exit("Expected a GPU that torch can use; got none. --tiny tries the script on a CPU.")
    limits = measured_limits(device, 64 if given.tiny else 8192)
    rows, text = cae_10(device, given.tiny, limits)
    for recipe in TINY if given.tiny else RECIPES:
        rows += tried(recipe.work, lambda r=recipe: [recipe_row(r, given.seeds)])
    rows += tried("airbench94", lambda: airbench_rows(given.seeds) if not given.tiny else [])
    out = Path(given.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    where = f"{datetime.date.today()}: {hardware(device)}"
    found = {"rows": [{**row, "measured": where} for row in rows]}
    out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    out.with_suffix(".txt").write_text(text, "utf-8")
    print(json.dumps(found, indent=1), text, sep="\n")


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", default=str(OUT))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="on a CPU too, to see that it works")
    return parser.parse_args(arguments)


def tried(work: str, measure: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of `measure`; one that says why not, where it fails: the lease goes on."""
    try:
        return measure()
    except Exception as error:
        return [
            {"work": work, "asked": None, "unit": "", "note": f"{type(error).__name__}: {error}"}
        ]


def hardware(device: str) -> str:
    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return machine.sentence(machine.hardware())


def seconds(work: Callable[[], object], device: str) -> float:
    """How long it takes until the device is done with it."""
    done(device)
    begun = time.perf_counter()
    work()
    done(device)
    return time.perf_counter() - begun


def done(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def measured_limits(device: str, side: int) -> dict[str, float]:
    """What the chip reaches: operations a second in bfloat16 products, bytes a second in copies."""
    a = torch.rand(side, side, device=device).bfloat16()
    b, to = torch.rand(side, side, device=device).bfloat16(), torch.empty_like(a)
    product = min(seconds(lambda: torch.mm(a, b, out=to), device) for _ in range(20))
    copy = min(seconds(lambda: to.copy_(a), device) for _ in range(20))
    return {"flops": 2 * side**3 / product, "bytes": 2 * a.numel() * a.element_size() / copy}


def cae_10(device: str, tiny: bool, limits: dict[str, float]) -> tuple[list[dict[str, Any]], str]:
    """The engine against plain eager PyTorch in float32, both with the images on the device."""
    network, batch, steps = (CAE_4, 4, 2) if tiny else (CAE_10, 128, 400)
    shown = np.random.default_rng(0).integers(0, 256, (batch * steps, 28, 28), np.uint8)
    if not tiny:
        shown = images.mnist_or_random()[0][: batch * steps]
    job = Job(network, batch, torch.get_num_threads(), shown, "contiguous", device)
    ours, theirs = engine.build(job), by_hand.build(job)
    ratios, fractions = [], []
    for number in range(ROUNDS + 1):
        took = seconds(lambda: ours.train(steps), device)
        plain = seconds(lambda: theirs.train(steps), device)
        if number:  # the first one warms up
            ratios.append(plain / took)
            fractions.append(len(shown) * network.training_flops / took / limits["flops"])
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    note = (
        f"{spread}; {statistics.median(fractions):.1%} of the {limits['flops'] / 1e12:.0f} TFLOP/s "
        f"that bfloat16 products reach; copies reach {limits['bytes'] / 1e9:.0f} GB/s"
    )
    row = {
        "work": f"{network.name.upper()}, batch {batch}, against plain eager PyTorch", "asked": 5,
        "reached": statistics.median(ratios), "unit": "x", "better": "higher", "note": note,
    }  # fmt: skip
    return [row], where_time_goes(lambda: ours.train(steps), device)


def where_time_goes(train: Callable[[], object], device: str) -> str:
    """A table of the operations that take most of the device's time."""
    from torch.profiler import ProfilerActivity, profile

    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device == "cuda" else [])
    with profile(activities=kinds) as profiled:
        train()
        done(device)
    table = profiled.key_averages().table(sort_by=f"self_{device}_time_total", row_limit=25)
    return str(table)


def recipe_row(recipe: Recipe, seeds: int) -> dict[str, Any]:
    """Seconds of training where the mean accuracy over seeds is as asked; one seed warms up."""
    import latens

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(-1, seeds):
            trained = latens.classify(
                recipe.data, out=Path(folder, f"run{seed}"), seed=max(seed, 0), report=False,
                **recipe.options,
            )  # fmt: skip
            if seed >= 0:
                found.append((trained.train_seconds, trained.val_accuracy))
    took, accuracy = (statistics.mean(each) for each in zip(*found, strict=True))
    good = accuracy >= recipe.accuracy
    note = f"{accuracy:.2%} on validation after {took:.2f} s, {seeds} seeds"
    return {
        "work": recipe.work, "asked": recipe.seconds, "reached": took if good else None,
        "unit": "s", "note": note,
    }  # fmt: skip


def airbench_rows(seeds: int) -> list[dict[str, Any]]:
    """latens and airbench94 on the same training images, tested on the same 10,000."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        ours_seconds, ours_accuracy, shown = ours_on_cifar(Path(folder), seeds)
        theirs_seconds, theirs_accuracy = airbench94(Path(folder), shown, seeds)
    note = (
        f"latens {ours_accuracy:.2%} in {ours_seconds:.2f} s, airbench94 {theirs_accuracy:.2%} in "
        f"{theirs_seconds:.2f} s; tested once a seed, {seeds} seeds; {CIFAR} is a lossy copy"
    )
    good = ours_accuracy >= theirs_accuracy
    return [{
        "work": f"{CIFAR}: airbench94's accuracy in no more than its time",
        "asked": theirs_seconds, "reached": ours_seconds if good else None, "unit": "s",
        "note": note,
    }]  # fmt: skip


def airbench94(folder: Path, shown: Any, seeds: int) -> tuple[float, float]:
    """Mean seconds of its training on the images `shown` (indices) after a first one that warms up,
    and mean test accuracy with its views."""
    from latens.data.load import load

    airbench = importlib.import_module("airbench")
    utils = importlib.import_module("airbench.utils")
    _as_airbench_wants(load(CIFAR), shown, folder / "cifar10")
    make, test = utils.CifarLoader, utils.CifarLoader("cifar10", train=False, batch_size=2000)
    utils.CifarLoader = lambda *_, **__: test  # it would read the test images within the timing
    settings = importlib.import_module("airbench.lib_airbench94").hyp
    found = []
    for run in range(-1, seeds):
        loader = make("cifar10", batch_size=1024, aug=settings["aug"], altflip=True)
        networks: list[Any] = []
        train = airbench.warmup94 if run < 0 else airbench.train94
        took = seconds(lambda t=train, x=loader, n=networks: n.append(t(x, verbose=False)), "cuda")
        if run >= 0:
            found.append((took, utils.evaluate(networks[0], test, settings["net"]["tta_level"])))
    mean_seconds, accuracy = (statistics.mean(each) for each in zip(*found, strict=True))
    return mean_seconds, accuracy


def _as_airbench_wants(found: Any, shown: Any, folder: Path) -> None:
    """The images as its loader reads them: uint8 `[N, 32, 32, 3]` in train.pt and test.pt."""
    folder.mkdir()
    for name, part in (("train", shown), ("test", slice(found.train_count, None))):
        torch.save(
            {
                "images": torch.from_numpy(found.images[part].transpose(0, 2, 3, 1).copy()),
                "labels": torch.from_numpy(found.labels[part].copy()),
                "classes": list(found.class_names),
            },
            folder / f"{name}.pt",
        )


def ours_on_cifar(folder: Path, seeds: int) -> tuple[float, float, Any]:
    """Mean seconds of training after a first one that warms up, mean test accuracy, and the images
    that were trained on."""
    import latens
    from latens.runs.folder import RunFolder

    found = []
    for seed in range(-1, seeds):
        run = folder / f"ours{seed}"
        trained = latens.classify(CIFAR, out=run, seed=max(seed, 0), report=False)
        if seed >= 0:
            found.append((trained.train_seconds, latens.evaluate(trained.run).accuracy))
    mean_seconds, accuracy = (statistics.mean(each) for each in zip(*found, strict=True))
    return mean_seconds, accuracy, RunFolder.open(run).split()["train"]


if __name__ == "__main__":
    os.environ.setdefault("LATENS_DATA", str(images.BESIDE))
    main()
