"""Time to quality of the recipes, through the command line as a person would type them.

    LATENS_DATA=DIR python benchmarks/recipes.py OUT [--seeds 5] [--only NAME ...] [--threads N]

Every row trains with each seed, is judged by the mean over seeds on validation, and is tested once.
Every finished run is kept in OUT, so that a stopped script goes on where it was. The rows go to
benchmarks/results/recipes.json, which `write_performance.py` puts into docs/performance.md; what
another machine measured stays there beside it. All of them with five seeds take hours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latens.errors import plural
from rows import measured, save

RESULTS = Path(__file__).resolve().parent / "results" / "recipes.json"
HALVED = "bird=2500,deer=2500,truck=2500"
REPORT_2 = (
    "--recipe report-2-autoencoder --optimizer muon --learning-rate 0.12 --schedule linear "
    "--weight-decay 0.02"
)


@dataclass(frozen=True)
class Row:
    """What is trained, and what was asked of it.

    `quality` is an accuracy, or for autoencoders a mean squared error; `seconds` may be None where
    only the quality was asked for. `{encoder}` in the command is the run of that row, same seed.
    """

    work: str
    command: str
    quality: float
    seconds: float | None
    encoder: str = ""

    @property
    def classifies(self) -> bool:
        return self.command.startswith("classify")


ROWS = {
    "mnist-99.0": Row(
        "MNIST classifier, 99.0%", "classify mnist --recipe one-epoch", 0.990, 15
    ),
    "mnist-99.4": Row("MNIST classifier, 99.4%", "classify mnist", 0.994, 90),
    "mnist-99.6": Row(
        "MNIST classifier, 99.6%", "classify mnist --recipe thorough", 0.996, 360
    ),
    "same-code-1": Row(
        "MNIST autoencoder, 7x7x32 code, 0.0011",
        "pretrain mnist --recipe feature-map --epochs 1", 0.0011, 20,
    ),
    "same-code-2": Row(
        "MNIST autoencoder, 7x7x32 code, 0.00048",
        "pretrain mnist --recipe feature-map --epochs 2", 0.00048, 55,
    ),
    "narrow": Row(
        "MNIST autoencoder, 32-number code, 0.0035",
        "pretrain mnist --latent 32", 0.0035, 300,
    ),
    "fashion-93.5": Row(
        "Fashion-MNIST classifier, 93.5%", "classify fashion-mnist --epochs 5", 0.935, 240
    ),
    "fashion-94": Row("Fashion-MNIST classifier, 94%", "classify fashion-mnist", 0.94, 600),
    "cifar-80": Row(
        "cifar10-jpeg, three classes halved, 80%",
        f"classify cifar10-jpeg --keep {HALVED} --epochs 4", 0.80, 300,
    ),
    "cifar-86": Row(
        "cifar10-jpeg, three classes halved, 86%", f"classify cifar10-jpeg --keep {HALVED}",
        0.86, 1200,
    ),
    "report-2": Row(
        "report 2's autoencoder, 20 epochs, 0.00077", f"pretrain mnist {REPORT_2}", 0.00077, None
    ),
    "encoder": Row("MNIST autoencoder, 64 numbers", "pretrain mnist", 0.002, None),
    "two-phase": Row(
        "that encoder, in two phases", "classify mnist --encoder {encoder}", 0.992, None, "encoder"
    ),
}  # fmt: skip


def latens(*arguments: str) -> Any:
    """What `latens ... --json` printed."""
    print("$ latens", *arguments, flush=True)
    command = [sys.executable, "-m", "latens", *arguments, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def once(out: Path, name: str, row: Row, seed: int, more: list[str]) -> dict[str, Any]:
    """Train and test with one seed; or read what an earlier call found."""
    kept, run = out / f"{name}-{seed}.json", out / f"{name}-{seed}"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    task, *arguments = typed(row, out / f"{row.encoder}-{seed}").split()
    if run.exists():
        found = latens(task, "--resume", str(run))
    else:
        found = latens(task, *arguments, "--seed", str(seed), "--out", str(run), *more)
    tested = latens("evaluate", str(run))
    found["test"] = tested["accuracy"] if row.classifies else tested["mse"]
    kept.write_text(json.dumps(found))
    return dict(found)


def typed(row: Row, encoder: object) -> str:
    """The command of a row; braces of other parts of it are JSON's."""
    return row.command.replace("{encoder}", str(encoder))


def judged(name: str, row: Row, found: list[dict[str, Any]], threads: int) -> dict[str, Any]:
    """A row of the page: the seconds, where the mean over seeds is as good as was asked."""
    field = "val_accuracy" if row.classifies else "val_mse"
    val, test = ([float(f[key]) for f in found] for key in (field, "test"))
    mean = statistics.mean(val)
    good = mean >= row.quality if row.classifies else mean <= row.quality
    seconds = statistics.median(float(f["train_seconds"]) for f in found)
    who = f"{plural(len(found), 'seed')}, {plural(threads, 'thread')}"
    told = f"{spread(val, row)} on validation, {spread(test, row)} on test; {who}"
    asked = seconds if row.seconds is None else row.seconds
    return {
        "work": row.work, "asked": row.seconds, "reached": seconds if good else None,
        "unit": "s", "command": f"latens {typed(row, 'ENCODER')}",
        "note": told if good else f"{told}, after {seconds:.0f} of {asked:.0f} s", "name": name,
        "measured": measured(),
    }  # fmt: skip


def unmeasured(name: str, row: Row) -> dict[str, Any]:
    """What was asked, for the page; nobody has run it yet."""
    command = f"latens {typed(row, 'ENCODER')}"
    return {"work": row.work, "asked": row.seconds, "unit": "s", "command": command, "name": name}


def spread(values: list[float], row: Row) -> str:
    """Mean and standard deviation, in percent for accuracies."""
    form = ".2%" if row.classifies else ".5f"
    deviation = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{form}}{deviation}"


def write(rows: list[dict[str, Any]]) -> None:
    """Put these rows in the place of those of the same names from the same machine."""
    before = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    known = {(row["name"], where(row)): row for row in [*before, *rows] if "reached" in row}
    ordered = []
    for name, row in ROWS.items():
        of_row = [found for key, found in known.items() if key[0] == name]
        ordered += of_row or [unmeasured(name, row)] * (row.seconds is not None)
    save(RESULTS, [aged(row) for row in ordered])


def aged(row: dict[str, Any]) -> dict[str, Any]:
    """The row, with whether it was measured with another command than today's."""
    return {**row, "earlier": row["command"] != f"latens {typed(ROWS[row['name']], 'ENCODER')}"}


def where(row: dict[str, Any]) -> str:
    """The machine of a measured row: what follows the date."""
    return str(row["measured"]).partition(": ")[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=ROWS, default=[*ROWS])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.only:
        row, more = ROWS[name], ["--threads", str(given.threads)]
        found = [once(given.out, name, row, seed, more) for seed in range(given.seeds)]
        told = judged(name, row, found, given.threads)
        write([told])
        print(name, told["note"], flush=True)


if __name__ == "__main__":
    main()
