"""A study through a queue, in one process: what is refused, and what a failed encoder leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latens.app import study, study_queue, worker
from latens.app.study_arms import Outcome, Trainings
from latens.errors import RunError, UsageError
from latens.search import storage as stores
from latens.studies._study import Arm

OPTIONS = {"threads": 1}


def trainings(folder: Path, name: str = "digits") -> Trainings:
    folder.mkdir(exist_ok=True)
    return Trainings(folder, name, "smoke", range(1), OPTIONS)


def test_arms_wait_for_those_whose_runs_they_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order they were asked for; and where the encoder fails, they fail with it."""
    done: list[str] = []

    def train(self: Trainings, arm: Arm, seed: int) -> Outcome:
        done.append(arm.name)
        if seed:
            raise ZeroDivisionError("by zero")
        return Outcome(0.5, 0.5, 1.0, 1, 1, 1)

    monkeypatch.setattr(Trainings, "train", train)
    work = trainings(tmp_path / "s")
    plan = study.load("mnist-two-phase").plan("smoke", {})
    arms = {arm.name: arm for arm in plan.arms}
    work.arms.update(arms)
    shared = study_queue.opened(stores.sqlite_url(tmp_path / "q.db"), "q", "mnist-two-phase", work)
    shared.serve([(arms[n], s) for s in (0, 1) for n in ("frozen", "autoencoder")], {})
    assert done == ["autoencoder", "frozen", "autoencoder"]
    slots = shared.queue.slots()
    assert [slot.state for slot in slots.values()] == ["complete", "complete", "failed", "failed"]
    assert "ZeroDivisionError: by zero" in slots[work.path(arms["frozen"], 1).name].reason
    shared.serve([(arms["autoencoder"], 0)], {})
    assert len(done) == 3, "what is done is not done again"


def test_a_queue_of_another_study_is_left_alone(tmp_path: Path) -> None:
    url = stores.sqlite_url(tmp_path / "q.db")
    study_queue.opened(url, "q", "mnist-two-phase", trainings(tmp_path / "one"))
    with pytest.raises(UsageError, match="there is one called q") as caught:
        study_queue.opened(url, "q", "mnist-two-phase", trainings(tmp_path / "two"))
    assert caught.value.code == "study-exists"


def test_a_worker_needs_the_folder_of_the_study(tmp_path: Path) -> None:
    url = stores.sqlite_url(tmp_path / "q.db")
    study_queue.opened(url, "q", "mnist-two-phase", trainings(tmp_path / "one"))
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="study's folder on this machine") as caught:
        worker.worker(url, "q")
    assert caught.value.code == "no-shared-folder"


def test_a_worker_goes_when_the_study_is_over(tmp_path: Path) -> None:
    url = stores.sqlite_url(tmp_path / "q.db")
    shared = study_queue.opened(url, "q", "mnist-two-phase", trainings(tmp_path / "one"))
    looks: list[Any] = []

    def progress(what: str, done: int, total: int) -> None:
        looks.append(what)
        if len(looks) == 2:
            shared.close()

    done = worker.worker(url, "q", progress=progress)
    assert (done.trials, done.of) == (0, 0) and len(looks) >= 2
    assert done.next.startswith("latens study report mnist-two-phase --scale smoke --out ")


def test_images_that_differ_from_machine_to_machine_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = trainings(tmp_path / "s")
    plan = study.load("mnist-two-phase").plan("smoke", {})
    encoder = next(arm for arm in plan.arms if arm.name == "autoencoder")
    work.arms["autoencoder"] = encoder

    def train(self: Trainings, arm: Arm, seed: int) -> Outcome:
        from latens.runs.folder import RunFolder

        environment = {"data_fingerprint": "of other images"}
        RunFolder.create(self.path(arm, seed), {"version": 1}, environment, {})
        return Outcome(0.5, 0.5, 1.0, 1, 1, 1)

    monkeypatch.setattr(Trainings, "train", train)
    shared = study_queue.opened(stores.sqlite_url(tmp_path / "q.db"), "q", "mnist-two-phase", work)
    (work.folder / "runs").mkdir()
    with pytest.raises(RunError) as caught:
        shared.serve([(encoder, 0)], {})
    assert caught.value.code == "other-data"
