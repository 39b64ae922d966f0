"""Tables of trials, usual and odd, that several tests draw."""

from __future__ import annotations

import math
import random
from typing import Any

from latens.report.table import Table

HOSTILE = (
    "</script><script>document.title='run'</script><img src=x onerror=\"document.title='ran'\">"
)


def usual(rows: int = 40, columns: int = 0) -> Table:
    """Trials of a search, with pruned and failed ones, a constant column and some of noise."""
    draw = random.Random(0)
    records = [_record(draw, number, columns) for number in range(rows)]
    noise = [f"noise {number}" for number in range(columns)]
    return Table.of(
        records,
        parameters=["learning_rate", "filters", "optimizer", "augment", "batch_size", *noise],
        metrics={"val_mse": "minimize", "val_accuracy": "maximize", "seconds": "minimize"},
        log=["learning_rate", "val_mse"],
    )


def _record(draw: random.Random, number: int, columns: int) -> dict[str, Any]:
    state = {3: "pruned", 7: "failed"}.get(number % 10, "complete")
    rate, filters = 10 ** draw.uniform(-5, -2), draw.choice([8, 16, 32])
    mse = None if state == "failed" else 0.002 + (math.log10(rate) + 3) ** 2 / 100
    return {
        "trial": number,
        "learning_rate": rate,
        "filters": filters,
        "optimizer": draw.choice(["adam", "sgd", "muon"]),
        "augment": draw.random() < 0.5,
        "batch_size": 128,
        **{f"noise {place}": draw.gauss(0, 1) for place in range(columns)},
        "val_mse": mse,
        "val_accuracy": None if mse is None else 1 - mse,
        "seconds": filters * draw.uniform(1, 2),
        "state": state,
    }


def odd() -> dict[str, Table]:
    """What files hold besides: one row, nothing that differs, no numbers, all kinds of numbers."""
    numbers = [1e-300, 1e300, -1e300, None, 0.0, math.nan, math.inf, -math.inf]
    return {
        "one row": usual(1),
        "one column": Table.of([{"loss": 1.0}, {"loss": 2.0}], metrics={"loss": "minimize"}),
        "constant": Table.of([{"a": 1, "loss": 0.5}] * 3, metrics={"loss": "minimize"}),
        "text alone": Table.of([{"a": "x", "b": "1"}, {"a": None, "b": "y"}]),
        "all numbers": Table.of(
            [{"x": value, "loss": value} for value in numbers],
            parameters=["x"], metrics={"loss": "minimize"}, log=["x"],
        ),
        "all missing": Table.of([{"a": None, "loss": math.nan}] * 2, metrics={"loss": "minimize"}),
        "none complete": Table.of(
            [{"a": number, "loss": None, "state": "FAIL"} for number in range(3)],
            parameters=["a"], metrics={"loss": "minimize"},
        ),
        "many names": Table.of(
            [{"a": f"name {n}", "loss": n} for n in range(90)], parameters=["a"]
        ),
        "hostile": Table.of(
            [{HOSTILE: HOSTILE, "loss $x_1$": 1.0, "state": HOSTILE}, {HOSTILE: "'\"&\u2028\\"}],
            parameters=[HOSTILE], metrics={"loss $x_1$": "minimize"},
        ),
    }  # fmt: skip
