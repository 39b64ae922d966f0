"""Trials whose values were tried before: they take the score of the first, untrained.

A search over few values proposes the same ones again and again, and the same values with the same
seed make the same training. A trial that comes again takes what came of its *twin*, the trial that
had these values before, as soon as that is there: it is given back to the queue meanwhile, and its
worker goes on with other trials.

Each worker first writes the values that it drew, and then reads those of others: of two who draw
the same at the same moment at least one sees the other. Whoever trains says so; where neither has
said it yet, the lower number trains. A trial waits for one that trains or has a lower number, and
never for one that waits itself, so that none can wait in a circle; should its twin's worker die,
the twin goes on elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import TrialState

from latens.app.serving import Done
from latens.search.queue import BEGUN, Row, Slot

REPEATS = "repeats"  # in the attributes of a trial that was not trained: the number of its twin
AFTER = "after"  # of a trial that waits: the number of its twin
_KEPT = ("run", "host", "val", "seconds", "epochs", "parameters", "code")


def twin(slots: Mapping[str, Slot], trial: optuna.Trial, name: str) -> Slot | None:
    """The trial that had the values of `trial` before and ended well, or is trained with them now.

    None if `trial` is to be trained. One that failed may do better the next time.
    """
    same = [slot for slot in slots.values() if slot.name != name and _values(slot) == trial.params]
    done = [slot for slot in same if slot.state in ("complete", "pruned")]
    if done:
        return min(done, key=lambda slot: REPEATS in _row(slot).user_attrs)
    still = [slot for slot in same if not slot.done]
    return next((slot for slot in still if _comes_first(slot, name, slots)), None)


def ready(row: Row, slots: Mapping[str, Slot]) -> bool:
    """Whether what a waiting trial waits for is done."""
    after = str(row.user_attrs.get(AFTER))
    return after not in slots or slots[after].done is not None


def taken_over(twin: Slot, trial: optuna.Trial, metric: str) -> Done:
    """What came of the twin, as what comes of `trial`."""
    row = _row(twin)
    number = int(row.user_attrs.get(REPEATS, twin.name))
    attrs: dict[str, Any] = {name: row.user_attrs[name] for name in _KEPT}
    pruned = twin.state == "pruned"
    if pruned:  # how far it came is all that a search learns from such a trial
        for share, value in row.intermediate_values.items():
            trial.report(value, share)
    score = float(attrs["val"][metric])
    told = f"the values of trial {number} again, and so its {metric} {score:.5g}; not trained"
    return Done(score, {**attrs, REPEATS: number}, pruned, told)


def _row(slot: Slot) -> Row:
    """The row that counts."""
    return slot.done or (slot.live or slot.rows)[0]


def _values(slot: Slot) -> Mapping[str, Any]:
    """What was drawn for a trial, perhaps by a worker that has stopped since."""
    row = _row(slot)
    drawn: Mapping[str, Any] = row.params or row.system_attrs.get("fixed_params", {})
    return drawn


def _comes_first(slot: Slot, name: str, slots: Mapping[str, Slot]) -> bool:
    """Whether an open trial with the same values is trained before ours."""
    row = _row(slot)
    if row.state is TrialState.RUNNING and BEGUN in row.user_attrs:
        return True
    waits = AFTER in row.user_attrs and not ready(row, slots)
    return int(slot.name) < int(name) and not waits
