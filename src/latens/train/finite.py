"""A training whose numbers stop being finite ends, says so, and leaves its run marked as failed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from torch import nn

from latens.errors import TrainingError
from latens.runs.folder import RunFolder
from latens.spec import PhaseSpec

_CODE = "not-finite"


def finite(values: dict[str, float], phase: PhaseSpec, epoch: int) -> dict[str, float]:
    """The values, if all are finite; `epoch` counts from 0. Raises `TrainingError` otherwise."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise _not_finite(f"a finite {name}; it became {value} in epoch {epoch + 1}", phase)
    return values


def refuse_broken(model: nn.Module, phase: PhaseSpec) -> None:
    """Weights that are not finite must never take the place of a good checkpoint."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise _not_finite(f"finite weights; {name} stopped being so in an epoch", phase)


@contextmanager
def failure_noted(run: RunFolder | None) -> Iterator[None]:
    """Mark the run as failed if its training ends in numbers that are not finite."""
    try:
        yield
    except TrainingError as error:
        if run and error.code == _CODE:
            with suppress(TrainingError):  # of a full disk, say: the first error is the one to tell
                run.mark_failed(error.message, error.hint)
        raise


def _not_finite(what: str, phase: PhaseSpec) -> TrainingError:
    return TrainingError(
        f"Expected {what} of phase {phase.name!r}.",
        hint=f"Lower --learning-rate (it is {phase.learning_rate:g}).",
        code=_CODE,
    )
