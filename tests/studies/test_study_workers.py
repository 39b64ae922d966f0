"""Trainings of a study side by side: as if one after the other, and stopped without loss."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latens.app import study
from latens.app.study_arms import Trainings
from latens.errors import DataError, FieldError, LatensError, UsageError

SMOKE = ["study", "run", "mnist-two-phase", "--scale", "smoke"]
SECONDS = 90.0  # until something must have happened, on a machine that is busy


def test_two_at_a_time_give_what_one_gives(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    alone = study.run(
        "mnist-two-phase", scale="smoke", out=tmp_path / "one", options={"threads": 1}
    )
    both = study.run(
        "mnist-two-phase", scale="smoke", out=tmp_path / "two", options={"threads": 1}, workers=2,
        progress=lambda *what: told.append(what),
    )  # fmt: skip
    assert [a["val"] for a in both.arms] == [a["val"] for a in alone.arms]
    assert [a["test"] for a in both.arms] == [a["test"] for a in alone.arms]
    done = [done for what, done, _ in told if what == "trainings"]
    assert done[0] == 0 and max(done) == sum(len(arm["test"]) for arm in both.arms)


def test_each_has_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "cores", lambda: 9)
    assert study._shares({}, 4, None) == {"threads": 2}
    assert study._shares({"threads": None}, 2, None) == {"threads": 4}
    assert study._shares({"threads": 3}, 2, None) == {"threads": 3}
    assert study._shares({}, 20, None) == {"threads": 1}
    assert study._shares({}, 1, "sqlite:///q.db") == {}
    for workers, storage in ((0, None), (2, "sqlite:///q.db")):
        with pytest.raises(UsageError) as caught:
            study._shares({}, workers, storage)
        assert caught.value.code == "workers"


def test_the_page_tells_the_command_that_was_typed(tmp_path: Path) -> None:
    work = Trainings(tmp_path, "mnist", "quick", range(3), {"threads": 1})
    given = {"data": "my files", "device": "auto", "precision": "bfloat16", "threads": None}
    start = "latens study run label-budget --scale quick --seeds 3"
    assert study._typed("label-budget", work, 1, {}) == start
    told = study._typed("label-budget", work, 2, given)
    assert told == f"{start} --workers 2 --data 'my files' --precision bfloat16"
    assert study._typed("label-budget", work, 1, {"threads": 2}) == f"{start} --threads 2"


def test_an_error_comes_back_as_it_was(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere.npz")
    with pytest.raises(DataError, match=r"nowhere\.npz"):
        study.run("mnist-two-phase", scale="quick", data=nowhere, out=tmp_path / "s", workers=2)
    for error in (
        UsageError("Expected this; got that.", hint="Do so.", code="this"),
        FieldError("phases.0.learning_rate", "a number", "a word"),
    ):
        back = pickle.loads(pickle.dumps(error))
        assert type(back) is type(error) and isinstance(back, LatensError)
        assert (str(back), back.code, vars(back)) == (str(error), error.code, vars(error))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("how", ["ctrl-c", "kill", "kill a worker"])
def test_stopped_in_the_middle_it_leaves_nobody_and_goes_on(how: str, tmp_path: Path) -> None:
    out = tmp_path / "s"
    command = [sys.executable, "-m", "latens", *SMOKE, "--workers", "2", "--out", str(out)]
    running = subprocess.Popen(
        command, start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_until(lambda: len(list((out / "runs").glob("*"))) >= 2)
    workers = processes_of(running.pid)
    assert len(workers) == 2
    if how == "kill a worker":
        os.kill(workers[0], signal.SIGKILL)
    else:
        os.killpg(running.pid, signal.SIGINT if how == "ctrl-c" else signal.SIGKILL)
    _, err = running.communicate(timeout=SECONDS)
    assert running.returncode == {"ctrl-c": 130, "kill": -signal.SIGKILL}.get(how, 5), err
    assert "Traceback" not in err
    if how == "kill a worker":
        assert "fewer --workers" in err
    wait_until(lambda: not any(map(alive, workers)))
    found = study.run("mnist-two-phase", scale="smoke", out=out, options={"threads": 1}, workers=2)
    finished = list((out / "runs").glob("*/results/findings.json"))
    assert len(finished) == sum(len(arm["test"]) for arm in found.arms)


def wait_until(ready: object) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_of(parent: int) -> list[int]:
    """The processes of its pool; Python's own tracker of resources is a child as well."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
