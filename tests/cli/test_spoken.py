"""A training that is told in lines: each epoch, and once how long it is going to take."""

from __future__ import annotations

import pytest

from latens.cli.spoken import Spoken
from latens.train.records import EpochRecord, StepRecord


def step(seconds: float, step: int, epoch: int = 1, epochs: int = 10, phases: int = 1,
         phase: str = "autoencoder") -> StepRecord:  # fmt: skip
    return StepRecord(phase, phases, epoch, epochs, step, 100, seconds, {})


def epoch(seconds: float, number: int, epochs: int = 10) -> EpochRecord:
    return EpochRecord(
        "autoencoder", number, epochs, 100 * number, seconds, 1.0, 0.1, {"mse": 0.2}, {"mse": 0.1}
    )


def told(*records: StepRecord | EpochRecord) -> list[str]:
    lines: list[str] = []
    spoken = Spoken(lines.append)
    for record in records:
        spoken(record)
    return lines


def test_each_epoch_is_a_line() -> None:
    assert told(step(0.5, 10), epoch(1, 1, 2), epoch(2, 2, 2)) == [
        "autoencoder: epoch 1 of 2  validation mse 0.1  (1.0 s so far)",
        "autoencoder: epoch 2 of 2  validation mse 0.1  (2.0 s so far)",
    ]


def test_a_long_training_is_told_after_its_first_steps_and_once() -> None:
    """10 steps take 8 s, so that 970 more take 776."""
    lines = told(step(2, 20), step(4, 22), step(10, 30), step(18, 40))
    assert lines == ["About 13 minutes to go; Ctrl-C saves and stops."]


def test_the_clock_of_an_earlier_sitting_does_not_count() -> None:
    """It goes on in the fifth epoch after an hour, and needs a second an epoch."""
    assert told(step(3600, 0, epoch=5), step(3604, 100, epoch=8)) == []


def test_long_epochs_are_told_too() -> None:
    lines = told(epoch(300, 1), epoch(600, 2), epoch(900, 3))
    assert [line for line in lines if "to go" in line] == [
        "About 40 minutes to go; Ctrl-C saves and stops."
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.9, "About 1 minute "), (600, "About 13 hours "), (0.3, "")]
)
def test_a_phase_among_several_says_that_it_is_one(seconds: float, words: str) -> None:
    """One epoch of 100 steps, of which one took so many seconds."""
    fast = [step(0, 0, phases=2, phase="head", epochs=1)]
    lines = told(*fast, step(seconds * 20, 20, phases=2, phase="head", epochs=1))
    if not words:
        assert lines == []
        return
    assert lines[0].startswith(words) and "in this phase, head" in lines[0]
