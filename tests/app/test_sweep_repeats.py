"""Values that a search proposes again are not trained again, whoever had them first."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from app_tiny import digits

import latens
from latens.app import sweep as app
from latens.app.serving import serve
from latens.app.sweep_repeats import AFTER, REPEATS, ready, twin
from latens.app.sweep_trial import Trials
from latens.report.table_csv import read_csv
from latens.search.queue import BEGUN, SLOT, Queue
from latens.search.storage import sqlite_url

TINY: dict[str, Any] = {"network": "mlp", "hidden": (8,), "epochs": 1, "batch_size": 64,
                        "threads": 1}  # fmt: skip
OTHER = "elsewhere/boot/1/1"  # a worker on another machine


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latens.app.sweep_answer._draw", lambda *given: "")


def swept(out: Path, trials: int, told: list[str] | None = None, **more: Any) -> latens.Swept:
    given: dict[str, Any] = {"params": {"latent": "2,4"}, "search": "tpe", **TINY, **more}
    tell = (told if told is not None else []).append
    return latens.sweep(digits(), "pretrain", trials=trials, out=out, tell=tell, **given)


@pytest.mark.parametrize("search", ["tpe", "random"])
def test_each_combination_is_trained_once(tmp_path: Path, search: str) -> None:
    told: list[str] = []
    got = swept(tmp_path / "s", 8, told, search=search)
    assert got.complete == len(got.trials) == 8
    trained = [t for t in got.trials if t["repeats"] is None]
    assert len(trained) == len({t["latent"] for t in got.trials}) < 8
    assert len([*(tmp_path / "s" / "trials").iterdir()]) == len(trained)
    for trial in got.trials:
        first = got.trials[trial["trial"] if trial["repeats"] is None else trial["repeats"]]
        same = ("latent", "val_mse", "seconds", "code", "parameters", "run")
        assert [trial[name] for name in same] == [first[name] for name in same]
    listed = {number for front in got.fronts.values() for number in front} | {got.best}
    assert listed <= {t["trial"] for t in trained}
    assert any("2 combinations" in line for line in told)
    assert any("not trained" in line for line in told)
    assert read_csv(Path(got.csv)).values("repeats") == [t["repeats"] for t in got.trials]
    assert app.resume(got.run, digits()).trials == got.trials


def test_a_range_is_not_said_to_have_few_values(tmp_path: Path) -> None:
    told: list[str] = []
    swept(tmp_path / "s", 2, told, params={"learning_rate": "1e-3..1e-2"})
    assert not any("combination" in line for line in told)


def test_what_was_pruned_is_pruned_when_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Always(optuna.pruners.BasePruner):
        def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
            return True

    monkeypatch.setattr("latens.search.judging.pruner", lambda kind: Always())
    got = swept(tmp_path / "s", 5, epochs=2)
    assert got.pruned == 5 and len({t["run"] for t in got.trials}) < 5
    rows = app.reopen(got.run).queue.study.get_trials()
    assert all(row.intermediate_values for row in rows)


class Two:
    """A sweep of trials that all have the same value, and two workers on its queue."""

    def __init__(self, folder: Path) -> None:
        latens.sweep(
            digits(), "pretrain", params={"latent": "2"}, search="random", trials=3,
            out=folder, work=False, **TINY,
        )  # fmt: skip
        self.found = app.reopen(folder)
        self.spec = self.found.spec
        self.mine = self.found.queue
        self.theirs = Queue(self.mine.study, self.mine.storage, self.mine.sampler, OTHER)
        self.trials = Trials(self.spec, folder, digits())
        self.job = self.found.job(self.trials)

    def claimed(self, queue: Queue) -> tuple[optuna.Trial, str]:
        trial = queue.claim(self.job.ready)
        assert trial is not None
        self.trials.draw(trial)
        return trial, str(trial.user_attrs[SLOT])


def test_it_waits_for_the_worker_that_trains_these_values(tmp_path: Path) -> None:
    two = Two(tmp_path / "s")
    trial, name = two.claimed(two.theirs)
    trial.set_user_attr(BEGUN, True)
    mine, own = two.claimed(two.mine)
    found = twin(two.mine.slots(), mine, own)
    assert found is not None and (name, own, found.name, found.done) == ("0", "1", "0", None)
    two.mine.release(mine, {AFTER: "0"})
    slots = two.mine.slots()
    assert not ready(slots["1"].live[0], slots)
    assert BEGUN not in slots["1"].live[0].user_attrs
    two.theirs.complete(trial, 0.5, two.job.do(trial, name).attrs)
    assert serve(two.mine, two.job) == 2
    rows = [slot.done for slot in two.mine.slots().values()]
    assert [row and row.user_attrs.get(REPEATS) for row in rows] == [None, 0, 0]
    assert [row and row.user_attrs["run"] for row in rows] == ["0000"] * 3


def test_of_two_at_the_same_moment_the_first_trains(tmp_path: Path) -> None:
    two = Two(tmp_path / "s")
    first, second = two.claimed(two.theirs), two.claimed(two.mine)
    slots = two.mine.slots()
    assert twin(slots, *first) is None
    found = twin(slots, *second)
    assert found is not None and found.name == "0"


def test_when_the_worker_that_trains_dies_its_trial_comes_first(tmp_path: Path) -> None:
    two = Two(tmp_path / "s")
    trial, _ = two.claimed(two.theirs)
    trial.set_user_attr(BEGUN, True)
    mine, own = two.claimed(two.mine)
    assert twin(two.mine.slots(), mine, own)
    two.mine.release(mine, {AFTER: "0"})
    two.mine._end(trial._trial_id, {})  # as whoever misses its heartbeats does
    two.mine.revive()
    assert serve(two.mine, two.job) == 3
    rows = [slot.done for slot in two.mine.slots().values()]
    assert [row and row.user_attrs.get(REPEATS) for row in rows] == [None, 0, 0]


def test_a_trial_that_was_stopped_is_gone_on_with_first(tmp_path: Path) -> None:
    two = Two(tmp_path / "s")
    (trial, _), (mine, own) = two.claimed(two.theirs), two.claimed(two.mine)
    two.theirs.release(trial)
    found = twin(two.mine.slots(), mine, own)
    assert found is not None and (found.name, found.state) == ("0", "waiting")


def test_two_that_were_stopped_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Both had drawn, and their workers were killed before either began."""
    two = Two(tmp_path / "s")
    for trial, _ in (two.claimed(two.theirs), two.claimed(two.mine)):
        two.mine.release(trial)
    first, second = two.claimed(two.mine), two.claimed(two.theirs)
    assert (first[1], second[1]) == ("0", "1")
    slots = two.mine.slots()
    assert twin(slots, *first) is None
    found = twin(slots, *second)
    assert found is not None and found.name == "0"


def test_none_waits_for_one_that_waits_for_it(tmp_path: Path) -> None:
    """The higher number had begun, the lower one waits for it, and then its worker is killed."""
    two = Two(tmp_path / "s")
    (lower, _), (higher, _) = two.claimed(two.theirs), two.claimed(two.mine)
    higher.set_user_attr(BEGUN, True)
    assert twin(two.mine.slots(), lower, "0") is not None
    two.theirs.release(lower, {AFTER: "1"})
    two.mine.release(higher)
    again, name = two.claimed(two.mine)
    assert name == "1" and twin(two.mine.slots(), again, name) is None


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    two = Two(tmp_path / "s")
    trial, _ = two.claimed(two.theirs)
    two.theirs.failed(trial, "no memory", {})
    assert serve(two.mine, two.job) == 2
    states = [slot.state for slot in two.mine.slots().values()]
    assert states == ["failed", "complete", "complete"]


WORKER = "import sys\nfrom latens.app.worker import worker\nworker(sys.argv[1], 'few')"


def test_three_workers_train_each_value_once(tmp_path: Path) -> None:
    """Real processes on one queue; one of them is killed while it trains."""
    images = digits()
    np.savez(tmp_path / "d.npz", images=images.images[:, 0], labels=images.labels)
    url = sqlite_url(tmp_path / "q.db")
    values, out = {"latent": "2,3,4"}, tmp_path / "few"
    latens.sweep(
        str(tmp_path / "d.npz"), "pretrain", params=values, search="random", trials=24, out=out,
        storage=url, study="few", work=False, prune="none", **{**TINY, "epochs": 5},
    )  # fmt: skip
    command = [sys.executable, "-c", WORKER, url]
    running = [subprocess.Popen(command) for _ in range(3)]
    while not [*out.glob("trials/*/spec.json")]:
        assert all(process.poll() is None for process in running), "they ended too soon"
    running[0].send_signal(signal.SIGKILL)
    for process in running:
        process.wait(timeout=300)
    got = app.resume(out)
    assert got.complete == 24
    trained = [t for t in got.trials if t["repeats"] is None]
    assert max(Counter(t["latent"] for t in trained).values()) == 1
    assert len([*out.glob("trials/*/results/training.json")]) == len(trained) <= 3
