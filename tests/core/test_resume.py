"""A training that was killed, anywhere, and resumed ends with the bits of one that was not."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any, get_args

import pytest
from core_tiny import (
    KillAt,
    Killed,
    groups_in_use,
    new_run,
    phase,
    same,
    training,
    two_phases,
    weights,
    whole_model,
)

from latens import catalog
from latens.runs import atomic
from latens.runs.folder import RunFolder
from latens.spec import Optimizer
from latens.train import checkpoint, loop

KINDS = catalog.names("objectives")
AUGMENT = ({"name": "affine"}, {"name": "flip", "strength": 0.5})
TIMES = ("seconds", "images_per_second")


@pytest.fixture(autouse=True)
def save_and_show_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)
    monkeypatch.setattr(loop, "SHOW_SECONDS", -1.0)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power cut here; a busy disk is slow


def finished(kind: str, phases: Any, **spec: Any) -> Any:
    """The weights of an uninterrupted training that leaves nothing on disk, and its records."""
    told: list[Any] = []
    t = training(kind, phases, observers=(told.append,), augment=AUGMENT, **spec)
    loop.fit(t)
    return weights(t.model), told


def sitting(run: RunFolder, kind: str, phases: Any, *observers: Any, **spec: Any) -> Any:
    """One more attempt at this training in this run, by a process that knows nothing of others."""
    t = training(kind, phases, run, observers=observers, augment=AUGMENT, **spec)
    loop.fit(t)
    return weights(t.model)


def told(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in TIMES}


def epochs_of(records: list[Any]) -> list[dict[str, Any]]:
    return [told(r.to_dict()) for r in records if hasattr(r, "val")]


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_every_record(kind: str, tmp_path: Path) -> None:
    phases = two_phases(kind)
    expected, records = finished(kind, phases)
    assert len(records) == 2 * 2 * (3 + 1)
    for place in range(0, len(records), 1 if kind in ("reconstruct", "classify") else 5):
        run = new_run(tmp_path / str(place))
        with pytest.raises(Killed):
            sitting(run, kind, phases, KillAt(place))
        assert same(sitting(run, kind, phases), expected), f"killed at record {place}"
        assert [told(r) for r in run.metrics()] == epochs_of(records), f"killed at {place}"


@pytest.mark.parametrize("name", get_args(Optimizer))
@pytest.mark.parametrize("kind", ["reconstruct", "classify"])
def test_killed_again_and_again(kind: str, name: str, tmp_path: Path) -> None:
    phases = two_phases(kind, optimizer=name, weight_decay=1e-3)
    expected, _ = finished(kind, phases)
    run = new_run(tmp_path / "run")
    for sittings in count():
        assert sittings < 40, "the training does not get on"
        try:
            assert same(sitting(run, kind, phases, KillAt(2)), expected)
        except Killed:
            continue
        break
    assert sittings > 3


@pytest.mark.parametrize("place", range(1, 16, 2))
def test_seldom_saved_and_seldom_validated(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = (phase(("encoder", "decoder"), epochs=5, learning_rate=3e-2),)
    spec = {"validate_every": 2, "early_stopping": 1, "keep": "last"}
    expected, records = finished("reconstruct", phases, **spec)
    calls = count(1)
    monkeypatch.setattr(loop.Clock, "save_due", lambda clock: next(calls) % 4 == 0)
    run = new_run(tmp_path / "run")
    with pytest.raises(Killed):
        sitting(run, "reconstruct", phases, KillAt(place), **spec)
    assert same(sitting(run, "reconstruct", phases, **spec), expected)
    assert [told(r) for r in run.metrics()] == epochs_of(records)


class NeverBetter:
    """An objective whose first epoch stays the best, so that a plateau comes for sure."""

    metric = "mse"

    def __init__(self, objective: Any) -> None:
        self.step = objective.step

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        return (0.0,)


PLATEAU = {"schedule": "plateau", "epochs": 8, "learning_rate": 1e-2}
GROWING = {"double_batch_every": 1, "largest_batch": 16, "batch_size": 4}
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plateau": (PLATEAU, {"batch_size": 32}),
    "growing": ({"epochs": 3}, GROWING),
    "average": ({"epochs": 3}, {"average": 0.9}),
    "penalties": ({"l1": 1e-3, "l2": 1e-3, "optimizer": "muon", "weight_decay": 0.1}, {}),
    "all of them": (
        PLATEAU | {"l1": 1e-4, "l2": 1e-3, "epochs": 5},
        GROWING | {"average": 0.99, "validate_every": 2, "keep": "last"},
    ),
}


def option_sitting(run: RunFolder | None, option: str, kind: str, *observers: Any) -> Any:
    """A two-phase training with this option: the weights that it ends with, and the records."""
    changes, spec = OPTIONS[option]
    told: list[Any] = []
    phases = two_phases(kind, **changes)
    t = training(kind, phases, run, observers=(told.append, *observers), augment=AUGMENT, **spec)
    if "plateau" in changes.values():
        t.objective = NeverBetter(t.objective)  # type: ignore[assignment]
    loop.fit(t)
    return weights(t.model), told


def both(run: RunFolder) -> list[Any]:
    """The best and the last weights of a finished run."""
    opened = []
    for which in ("best", "last"):
        model = whole_model(seed=7)
        checkpoint.load_model(run, model, which=which)  # type: ignore[arg-type]
        opened.append(weights(model))
    return opened


@pytest.mark.parametrize(
    "option, kind", [*((each, "reconstruct") for each in OPTIONS), ("all of them", "classify")]
)
def test_every_option_resumes_exactly(option: str, kind: str, tmp_path: Path) -> None:
    whole = new_run(tmp_path / "whole")
    expected, records = option_sitting(whole, option, kind)
    for place in range(1, len(records), 1 + len(records) // 6):
        run = new_run(tmp_path / str(place))
        with pytest.raises(Killed):
            option_sitting(run, option, kind, KillAt(place))
        assert same(option_sitting(run, option, kind)[0], expected), f"killed at record {place}"
        assert [told(r) for r in run.metrics()] == epochs_of(records), f"killed at {place}"
        assert all(same(one, two) for one, two in zip(both(run), both(whole), strict=True))


@pytest.mark.parametrize("write", range(8))
def test_killed_while_saving(write: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each save is two writes: the weights, then the pointer to them."""
    phases = (phase(("encoder", "decoder")),)
    expected, _ = finished("reconstruct", phases)
    run = new_run(tmp_path / "run")
    original, left = atomic.write, count()

    def dying(path: Path, fill: Any) -> None:
        if next(left) == write:
            raise Killed
        original(path, fill)

    with monkeypatch.context() as patched:
        patched.setattr(atomic, "write", dying)
        with pytest.raises(Killed):
            sitting(run, "reconstruct", phases)
    assert same(sitting(run, "reconstruct", phases), expected)


def test_only_the_newest_weights_stay(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    sitting(run, "reconstruct", (phase(("encoder", "decoder")),))
    pointed = checkpoint.newest(run)
    assert pointed is not None
    assert {file.name for file in run.weights_dir.iterdir()} == {"LAST", pointed.name}


def test_a_finished_training_is_only_read(tmp_path: Path) -> None:
    phases = (phase(groups_in_use("reconstruct")),)
    run = new_run(tmp_path / "run")
    expected = sitting(run, "reconstruct", phases)
    before = {file.name: file.read_bytes() for file in run.weights_dir.iterdir()}
    assert same(sitting(run, "reconstruct", phases, KillAt(0)), expected)
    assert before == {file.name: file.read_bytes() for file in run.weights_dir.iterdir()}
    other = whole_model(seed=5)
    checkpoint.load_model(run, other)
    assert same(weights(other), expected)


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    phases = two_phases("classify")
    first, again, other = (finished("classify", phases, seed=s)[0] for s in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)
