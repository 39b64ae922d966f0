"""What observers are told. A record is frozen, and the answer can only be go on or stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class StepRecord:
    """The middle of an epoch: `step` of `steps` done, `seconds` since training began."""

    phase: str
    phases: int
    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float
    train: dict[str, float]


@dataclass(frozen=True)
class EpochRecord:
    """The end of an epoch; `epoch` counts from 1 in its phase, `step` over the whole run."""

    phase: str
    epoch: int
    epochs: int
    step: int
    seconds: float
    images_per_second: float
    learning_rate: float
    train: dict[str, float]
    val: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The record as a line of metrics.jsonl."""
        return asdict(self)


STOP = True
Observer: TypeAlias = Callable[[StepRecord | EpochRecord], bool | None]
"""Called with each record; may answer `STOP`, which ends all phases, and nothing else counts."""
