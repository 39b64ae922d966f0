"""Four workers on one PostgreSQL server, of which one is killed, and which is restarted.

Real processes, real kills, a real server. What is trained is tiny.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from postgres_server import USER, Server, programs, temporary_folder
from search_tiny import GONE

import latens
from latens.app import study, sweep
from latens.runs.folder import RunFolder
from latens.search import people
from latens.search import storage as stores
from latens.search.heartbeat import Heartbeat
from latens.search.queue import Queue

TRIALS, WORKERS = 40, 4
TINY: dict[str, Any] = {"network": "mlp", "hidden": (8,), "batch_size": 256, "threads": 1}
LONG = 1800.0  # seconds; on an idle machine the test takes about two minutes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]


def _no_user() -> bool:
    return os.geteuid() == 0 and USER not in [entry.pw_name for entry in pwd.getpwall()]


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg")
    if _no_user():
        pytest.skip(f"root may not run PostgreSQL, and there is no user {USER}")
    folder = temporary_folder()
    found = Server(folder)
    found.start()
    yield found
    found.stop()
    shutil.rmtree(folder)


@pytest.fixture
def workers() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Starts worker processes; those that are left at the end are stopped."""
    started: list[subprocess.Popen[str]] = []

    def start(url: str, name: str) -> subprocess.Popen[str]:
        command = ["-m", "latens", "worker", "--storage", url, "--study", name, "--threads", "1"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        started.append(
            subprocess.Popen(
                [sys.executable, *command], env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def rows(url: str, name: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(storage=stores.connect(url), study_name=name).trials


def until(what: Callable[[], Any]) -> Any:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError("it takes too long")


def running(url: str) -> dict[str, str]:
    """The process number and the slot of every worker in the middle of a trial."""
    return {
        str(row.user_attrs["worker"]).split("/")[2]: str(row.user_attrs["slot"])
        for row in rows(url, "wide")
        if row.state is TrialState.RUNNING and row.params and "worker" in row.user_attrs
    }


def held(url: str, processes: list[Any]) -> tuple[Any, str] | None:
    """A worker that is stopped in the middle of a trial, and its slot."""
    before = running(url)
    for process in processes:
        if str(process.pid) in before:
            process.send_signal(signal.SIGSTOP)
            slot = running(url).get(str(process.pid))
            if slot is not None:
                return process, slot
            process.send_signal(signal.SIGCONT)
    return None


def test_forty_trials_by_four_workers_through_a_kill_and_a_restart(
    server: Server, workers: Callable[[str, str], Any], tmp_path: Path
) -> None:
    got = latens.sweep(
        "digits", "pretrain", search="random", trials=TRIALS, epochs=12, out=tmp_path / "sweep",
        params={"learning_rate": "1e-3..1e-2:log", "latent": "2,4,8"}, prune="median",
        storage=server.url, study="wide", work=False, heartbeat=5, **TINY,
    )  # fmt: skip
    assert {trial["state"] for trial in got.trials} == {"waiting"}
    started = [workers(server.url, "wide") for _ in range(WORKERS)]

    victim, slot = until(lambda: held(server.url, started))
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    left = [process for process in started if process is not victim]

    def done() -> int:
        return sum(row.state.is_finished() for row in rows(server.url, "wide"))

    until(lambda: done() >= 8)
    server.stop()
    time.sleep(3)
    server.start()
    for process in left:
        out, err = process.communicate(timeout=LONG)
        assert process.returncode == 0, out + err

    finished = [row for row in rows(server.url, "wide") if row.state.is_finished()]
    good = [row for row in finished if row.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert Counter(row.user_attrs["slot"] for row in good) == Counter(
        str(number) for number in range(TRIALS)
    )
    assert not [row for row in finished if "reason" in row.user_attrs]
    assert len(rows(server.url, "wide")) == len(finished), "a row was left behind"
    again = next(row for row in good if row.user_attrs["slot"] == slot)
    assert str(again.user_attrs["worker"]).split("/")[2] != str(victim.pid)
    folders = [*(tmp_path / "sweep" / "trials").iterdir()]
    runs = [folder for folder in folders if not folder.name.startswith(".")]
    assert len(runs) == TRIALS and all(RunFolder.open(run).finished for run in runs)
    for run in runs:  # trained once: no epoch stands there twice
        lines = (run / "metrics.jsonl").read_text().splitlines()
        assert len(lines) == len(RunFolder.open(run).metrics()) or run.name == f"{int(slot):04d}"
    result = sweep.resume(tmp_path / "sweep")
    assert result.complete + result.pruned == TRIALS and result.failed == 0
    assert {trial["host"] for trial in result.trials} == {people.host(people.me())}


def test_heartbeats_are_those_of_the_server(server: Server) -> None:
    """A worker of another machine is dead after a silence, and alive as long as it is heard."""
    store = stores.connect(server.url)
    store.beat_every(1)
    study = optuna.create_study(storage=store, study_name="s")
    mine, other = Queue(study, store), Queue(study, store, _me=GONE)
    mine.fill({"0": ({}, {}), "1": ({}, {})})
    silent, heard = other.claim(), other.claim()
    assert silent and heard
    with Heartbeat(store, heard._trial_id):
        server.stop()
        server.start()
        until(lambda: mine.revive()["0"].lost)
        assert mine.slots()["1"].state == "running"
    again = mine.claim()
    assert again and again.user_attrs["slot"] == "0"


def test_a_study_is_shared_with_a_worker(
    server: Server, workers: Callable[[str, str], Any], tmp_path: Path
) -> None:
    """Classifier arms wait for their encoders, whoever trains those; the answer is the same."""
    helper: list[Any] = []

    def call_help(what: str, done: int, total: int) -> None:
        if what == "trials" and not helper:  # the queue is there now
            helper.append(workers(server.url, "shared"))

    asked: dict[str, Any] = {"scale": "smoke", "seeds": 2, "options": {"threads": 1}}
    result = study.run(
        "mnist-two-phase", out=tmp_path / "study", storage=server.url, queue="shared",
        progress=call_help, **asked,
    )  # fmt: skip
    out, err = helper[0].communicate(timeout=LONG)
    assert helper[0].returncode == 0, out + err
    slots = Counter(
        row.user_attrs["slot"]
        for row in rows(server.url, "shared")
        if row.state is TrialState.COMPLETE
    )
    assert len(slots) == sum(len(arm["test"]) for arm in result.arms) and {*slots.values()} == {1}
    alone = study.run("mnist-two-phase", out=tmp_path / "alone", **asked)
    assert [arm["test"] for arm in result.arms] == [arm["test"] for arm in alone.arms]
