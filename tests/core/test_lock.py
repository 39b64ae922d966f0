"""One training a run at a time, and no lock outlives its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from core_tiny import KillAt, Killed, new_run, phase, same, training, weights

from latens.errors import RunError
from latens.runs import lock
from latens.runs.folder import RunFolder
from latens.train.loop import fit

PHASES = (phase(("encoder", "decoder")),)
HOLD = """
import sys, time
from pathlib import Path
from latens.runs.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


def holder(run: RunFolder) -> subprocess.Popen[str]:
    """Another process that is alone with the run until it is killed."""
    command = [sys.executable, "-c", HOLD, str(run.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_a_second_training_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with holder(run) as process:
        try:
            with pytest.raises(RunError, match="Expected to be alone with the run") as caught:
                fit(training("reconstruct", PHASES, run))
            assert (caught.value.code, caught.value.exit_code) == ("run-busy", 4)
            assert f"process {process.pid} is training it" in caught.value.message
            read = RunFolder.open(run.path)
            assert (read.state, read.metrics(), read.progress()) == ("unfinished", [], None)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    whole, resumed = training("reconstruct", PHASES), training("reconstruct", PHASES, run)
    fit(whole)
    fit(resumed)
    assert same(weights(whole.model), weights(resumed.model))


def test_two_trainings_in_one_process_are_refused_too(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    other = RunFolder.open(run.path)
    with other.alone(), pytest.raises(RunError, match=f"process {os.getpid()}"):
        fit(training("reconstruct", PHASES, run))
    with run.alone():  # who holds it trains, and goes on to write what came of it
        fit(training("reconstruct", PHASES, run))
        with pytest.raises(RunError, match=f"process {os.getpid()}"):
            other.alone().__enter__()


def test_a_training_that_ends_badly_lets_go(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(Killed):
        fit(training("reconstruct", PHASES, run, observers=(KillAt(0),)))
    with run.alone():
        assert (run.path / ".lock").read_text() == str(os.getpid())


def test_other_runs_are_free(tmp_path: Path) -> None:
    first, second = (new_run(tmp_path / name) for name in ("a", "b"))
    with first.alone(), second.alone():
        assert (first.path / ".lock").exists() and (second.path / ".lock").exists()


def test_where_there_are_no_locks_everybody_is_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def unsupported(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with lock.alone(tmp_path), lock.alone(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_a_folder_that_may_only_be_read_is_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refused)
        with lock.alone(tmp_path):
            pass
    assert not (tmp_path / ".lock").exists()
