"""The MNIST rows of the README's results table, through the command line as a person would.

    LATENS_DATA=DIR python benchmarks/mnist_results.py OUT [--seeds 5] [--only NAME]

Each classifier keeps its best epoch on validation and is tested once. About 40 minutes on 2 cores.
Every finished run is kept in OUT, so that a stopped script goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

REPORT_2 = [
    "--conv-layers",
    "10",
    "--kernel-size",
    "3",
    "--filters",
    "32",
    "--batch-size",
    "128",
    "--epochs",
    "20",
    "--optimizer",
    "muon",
    "--schedule",
    "linear",
    "--weight-decay",
    "0.02",
]


def latens(*arguments: str) -> Any:
    command = [sys.executable, "-m", "latens", *arguments, "--json"]
    print("$ latens", *arguments, flush=True)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def once(out: Path, name: str, *arguments: str) -> dict[str, Any]:
    """Train and, for classifiers, test; or read what an earlier call found."""
    kept = out / f"{name}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    run = out / name
    resume = ["--resume", str(run)] if run.exists() else [*arguments[1:], "--out", str(run)]
    found = latens(arguments[0], *resume)
    if arguments[0] == "classify":
        found["test_accuracy"] = latens("evaluate", str(run))["accuracy"]
    kept.write_text(json.dumps(found))
    return dict(found)


def two_phase(out: Path, seeds: int) -> None:
    """latens' own autoencoder, and its encoder reused in two phases; both with each seed."""
    for seed in range(seeds):
        found = once(out, f"own-{seed}", "pretrain", "mnist", "--seed", str(seed))
        print(
            "own: validation MSE", found["val_mse"], f"{found['train_seconds']:.0f} s", flush=True
        )
    classifier(out, "two-phase", seeds, "--encoder", str(out / "own-{seed}"))


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2%} ± {statistics.stdev(values):.2%}"


def classifier(out: Path, name: str, seeds: int, *arguments: str) -> None:
    found = [
        once(
            out, f"{name}-{seed}", "classify", "mnist",
            *(argument.format(seed=seed) for argument in arguments), "--seed", str(seed),
        )
        for seed in range(seeds)
    ]  # fmt: skip
    tests = [f["test_accuracy"] for f in found]
    seconds = statistics.median(f["train_seconds"] for f in found)
    print(f"{name}: test {spread(tests)} over {seeds} seeds, {seconds:.0f} s of training (median)")
    print("   each:", ", ".join(f"{t:.2%}" for t in tests), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rows = {
        "quick": lambda: classifier(given.out, "quick", given.seeds, "--epochs", "2"),
        "default": lambda: classifier(given.out, "default", given.seeds),
        "report-2": lambda: print(
            "report-2: validation MSE", once(given.out, "report-2", "pretrain", "mnist", *REPORT_2)
        ),
        "two-phase": lambda: two_phase(given.out, given.seeds),
    }  # fmt: skip
    for name, row in rows.items():
        if given.only in ("", name):
            row()


if __name__ == "__main__":
    main()
