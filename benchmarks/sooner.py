"""How much sooner latens comes to an error than Keras with the recipe of the report.

    LATENS_DATA=DIR .venv-bench/bin/python benchmarks/sooner.py FOLDER [--epochs 12] [--threads N]

Report 2's autoencoder in Keras on TensorFlow as the report trained it (RMSprop, a constant rate of
0.001, batches of 128, `fit`) for some epochs, and before and after it, on the same machine, the two
commands of recipes.py for the same code of 7x7x32. Keras would take the better part of an hour to
the smaller error, so its epochs are extrapolated: the lowest error on validation so far is taken to
fall as a power of the epochs, fitted to all of them by least squares of logarithms. That favours
Keras, because the first epochs are the steepest. Both leave a tenth of the training images out to
be judged on. Takes about quarter of an hour.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from images import mnist_or_random
from networks import CAE_10, keras_network
from recipes import ROWS, once
from rows import Row, write

RESULTS = Path(__file__).resolve().parent / "results" / "sooner.json"
TIMES = 35  # what was asked
NAMES = ("same-code-1", "same-code-2")


def by_keras(epochs: int, threads: int) -> tuple[list[float], list[float]]:
    """Seconds of each epoch, and the error on validation after it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    pixels, words = mnist_or_random()
    if words != "MNIST":
        sys.exit(words)
    x = pixels[..., None].astype("float32") / 255
    trained, judged = x[len(x) // 10 :], x[: len(x) // 10]
    model = keras_network(CAE_10)
    model.compile(optimizer="rmsprop", loss="mse")
    seconds, errors = [], []
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        model.fit(trained, trained, batch_size=128, verbose=0)
        seconds.append(time.perf_counter() - began)
        errors.append(float(model.evaluate(judged, judged, batch_size=512, verbose=0)))
        print(f"Keras, epoch {epoch}: {seconds[-1]:.1f} s, {errors[-1]:.5f}", flush=True)
    return seconds, errors


def epochs_until(error: float, errors: Sequence[float]) -> float:
    """The epochs to `error` by a power law; those that were seen, where it was reached."""
    lowest = list(itertools.accumulate(errors, min))
    if lowest[-1] <= error:
        return 1 + next(i for i, found in enumerate(lowest) if found <= error)
    of_log = [(math.log(i + 1), math.log(e)) for i, e in enumerate(lowest)]
    slope, level = statistics.linear_regression(*zip(*of_log, strict=True))
    return math.exp((math.log(error) - level) / slope) if slope < 0 else math.inf


def by_latens(folder: Path, call: int, threads: int) -> dict[str, dict[str, Any]]:
    """What the two commands found, each with this call's number as its seed."""
    more = ["--threads", str(threads)]
    return {name: once(folder, name, ROWS[name], call, more) for name in NAMES}


def compared(
    name: str, ran: Sequence[dict[str, Any]], seconds: Sequence[float], errors: Sequence[float]
) -> Row:
    row, ours = ROWS[name], statistics.mean(run["train_seconds"] for run in ran)
    epochs = epochs_until(row.quality, errors)
    needed = epochs * statistics.median(seconds)
    found = ", ".join(f"{run['val_mse']:.5f} in {run['train_seconds']:.0f} s" for run in ran)
    how = "seen" if min(errors) <= row.quality else f"extrapolated from {len(errors)}"
    note = (
        f"Keras: {statistics.median(seconds):.0f} s an epoch, {min(errors):.5f} after "
        f"{len(errors)}; {epochs:.0f} epochs ({how}), {needed / 60:.0f} minutes to {row.quality:g}."
        f" latens: {found}"
    )
    asked = TIMES if name == NAMES[-1] else None
    work = f"{row.work}: sooner than Keras with the report's recipe"
    return Row(work, asked, needed / ours, "x", note, "higher", f"latens {row.command}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    before = by_latens(given.folder, 0, given.threads)
    seconds, errors = by_keras(given.epochs, given.threads)
    after = by_latens(given.folder, 1, given.threads)
    rows = [compared(name, (before[name], after[name]), seconds, errors) for name in NAMES]
    for row in rows:
        print(row.told())
    write(given.out, rows, "sooner.py")


if __name__ == "__main__":
    main()
