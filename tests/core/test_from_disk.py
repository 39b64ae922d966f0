"""Training on images that stay on disk: the bits of memory, and an end without loose threads."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_tiny import CPU, KillAt, Killed, digits, index, new_run, phase, same, training, weights

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.errors import DataError, Interrupted
from latens.runs.folder import RunFolder
from latens.train import loop
from latens.train.loop import Training, fit, validate
from latens.train.records import STOP, EpochRecord, StepRecord

Record = StepRecord | EpochRecord
BOTH = ("encoder", "decoder")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture(autouse=True)
def show_and_save_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SHOW_SECONDS", -1.0)
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power cut here; a busy disk is slow


def on_disk(folder: Path) -> ImageSet:
    """The digits, mapped from a file that is made if it is not there."""
    file = folder / "digits.npy"
    if not file.exists():
        np.save(file, digits().images)
    mapped = np.load(file, mmap_mode="r", allow_pickle=False)
    return replace(digits(), images=mapped)


def from_disk(folder: Path, run: RunFolder | None = None, observers: Any = ()) -> Training:
    """The training of `core_tiny` whose images are read when they are needed."""
    made = training("reconstruct", (phase(BOTH, epochs=3),), run, observers=observers)
    images, size, seed = on_disk(folder), made.batches.batch_size, made.spec.seed
    made.batches = Batches(images, index(0, 34), size, CPU, seed=seed)
    made.validation = Batches(images, index(34, 50), 16, CPU)
    return made


def test_disk_and_memory_end_with_the_same_bits(tmp_path: Path) -> None:
    disk, memory = from_disk(tmp_path), training("reconstruct", (phase(BOTH, epochs=3),))
    fit(disk)
    fit(memory)
    assert same(weights(disk.model), weights(memory.model))
    assert validate(disk) == validate(memory)


@pytest.mark.parametrize("place", [0, 2, 4, 7])
def test_killed_and_resumed_it_ends_with_the_same_bits(place: int, tmp_path: Path) -> None:
    straight = from_disk(tmp_path)
    fit(straight)
    run = new_run(tmp_path / "run")
    with pytest.raises(Killed):
        fit(from_disk(tmp_path, run, [KillAt(place)]))
    resumed = from_disk(tmp_path, run)
    fit(resumed)
    assert same(weights(straight.model), weights(resumed.model))


def test_a_file_cut_short_ends_in_a_sentence_and_restored_it_goes_on(tmp_path: Path) -> None:
    whole = digits().images

    def cut(record: Record) -> None:
        if record.epoch == 2:
            os.truncate(tmp_path / "digits.npy", 1000)

    run = new_run(tmp_path / "run")
    with pytest.raises(DataError, match="stay as it was") as caught:
        fit(from_disk(tmp_path, run, [cut]))
    assert caught.value.code == "changed-on-disk"
    np.save(tmp_path / "digits.npy", whole)
    resumed, straight = from_disk(tmp_path, run), from_disk(tmp_path)
    fit(resumed)
    fit(straight)
    assert same(weights(straight.model), weights(resumed.model))


def test_stopped_early_it_ends(tmp_path: Path) -> None:
    seen: list[Record] = []

    def enough(record: Record) -> bool:
        seen.append(record)
        return STOP if len(seen) == 2 else not STOP

    fit(from_disk(tmp_path, observers=[enough]))
    assert len(seen) <= 3


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    def press(record: Record) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        fit(from_disk(tmp_path, observers=[press]))


def test_pressed_twice_it_ends_at_once(tmp_path: Path) -> None:
    def press(record: Record) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(from_disk(tmp_path, observers=[press]))


def test_batches_by_number_are_those_in_order(tmp_path: Path) -> None:
    for images in (digits(), on_disk(tmp_path)):
        batches = Batches(images, index(3, 60), 8, CPU)
        every = list(batches.in_order())
        some = list(batches.in_order([1, 5, 0]))
        pairs = zip(some, (every[1], every[5], every[0]), strict=True)
        assert all((one.images == other.images).all() for one, other in pairs)
