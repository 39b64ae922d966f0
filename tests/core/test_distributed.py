"""Two processes over gloo learn what one learns, and end together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from core_together import CASES, finished, interrupted, long

from latens import processes
from latens.errors import Interrupted, UsageError
from latens.metrics import Totals
from latens.runs.folder import RunFolder
from latens.spec import TrainSpec
from latens.train import checkpoint, device, loop
from latens.train.distributed import ALONE

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
# Rounding alone: sums over 16 images are added up in another order. bfloat16 has 8 bits.
TOLERANCE, TOLERANCE_BFLOAT16 = 2e-5, 0.05


@pytest.fixture(autouse=True)
def one_thread_that_shows_each_step(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(loop, "SHOW_SECONDS", -1.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def in_two(script: str, *arguments: Path) -> None:
    """A script of this folder, run by two processes to its end."""
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", HERE / script]
    done = subprocess.run(
        [sys.executable, "-m", *command, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("together")


@pytest.fixture(scope="module")
def two(folder: Path) -> dict[str, Any]:
    """What two processes found, in one launch for all tests; `folder/one` is a stopped run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "SHOW_SECONDS", -1.0)
        with pytest.raises(Interrupted):
            loop.fit(interrupted(folder / "one"))
    in_two("core_together.py", folder / "found", folder)
    found: dict[str, Any] = json.loads((folder / "found").read_text())
    return found


def alike(first: dict[str, Any], second: dict[str, Any], tolerance: float = TOLERANCE) -> None:
    one, other = (torch.tensor(each["weights"]) for each in (first, second))
    assert float((one - other).norm() / one.norm()) < tolerance
    assert len(first["curve"]) == len(second["curve"])
    for a, b in zip(first["curve"], second["curve"], strict=True):
        assert a == pytest.approx(b, rel=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_the_same_curve_and_weights_as_one_process(name: str, two: dict[str, Any]) -> None:
    alike(
        finished(CASES[name]()), two[name], TOLERANCE_BFLOAT16 if name == "bfloat16" else TOLERANCE
    )


@pytest.mark.parametrize("name", CASES)
def test_both_processes_have_the_same_bits(name: str, two: dict[str, Any]) -> None:
    assert two[name]["same bits"]


@pytest.mark.parametrize("name", CASES)
def test_validation_merges_to_the_very_sums(name: str, two: dict[str, Any]) -> None:
    """With the same weights, before training: also where one process has no batch at all."""
    assert two[name]["before"] == loop.validate(CASES[name]())


def test_an_observer_of_the_leader_stops_both(two: dict[str, Any]) -> None:
    assert two["stopped"] == 2


def test_a_wish_of_one_is_known_to_all(two: dict[str, Any]) -> None:
    assert two["asked"] == [True, False]


def test_a_run_of_one_process_goes_on_in_two(two: dict[str, Any]) -> None:
    alike(finished_weights(None), two["resumed"] | {"curve": []})


def test_a_run_of_two_processes_goes_on_in_two_to_the_same_bits(two: dict[str, Any]) -> None:
    assert two["same bits"]


def test_a_run_of_two_processes_goes_on_in_one(two: dict[str, Any], folder: Path) -> None:
    assert two["interrupted"].startswith("Stopped between two steps; everything so far is saved")
    run = RunFolder.open(folder / "two")
    assert checkpoint.newest(run) is not None
    assert 0 < len(run.metrics()) < 6
    alike(finished_weights(None), finished_weights(run))
    assert [r["epoch"] for r in run.metrics()] == [1, 2, 3] * 2


def finished_weights(run: RunFolder | None) -> dict[str, Any]:
    return finished(long(run)) | {"curve": []}


def test_a_lost_process_ends_the_others(two: dict[str, Any], folder: Path) -> None:
    told = (folder / "lost").read_text()
    assert told.startswith("process-lost: Expected all 2 processes to go on; one of them has ended")
    assert told.endswith("the hint")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are listed on Linux")
def test_no_thread_of_the_group_outlives_python(tmp_path: Path) -> None:
    """One that lets go of a tensor while Python ends aborts the process, now and then."""
    in_two("core_leaving.py", tmp_path)
    for rank in range(2):
        before, after = map(int, (tmp_path / f"threads-{rank}").read_text().split())
        assert before > 0 and after == 0


def test_alone_sends_nothing() -> None:
    totals = Totals()
    assert ALONE.merged(totals) is totals and ALONE.kept_once(totals) is totals
    assert ALONE.agreed(True, False) == [True, False]
    assert list(ALONE.mine(3)) == [0, 1, 2]
    assert ALONE.shared({"a": 1}) == {"a": 1}


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in {**told, "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)


def test_what_torchrun_says_is_heard(second_of_two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (processes.count(), processes.rank(), processes.local_rank()) == (2, 1, 1)
    assert not processes.leads()
    monkeypatch.delenv("MASTER_PORT")  # a cluster may say WORLD_SIZE for reasons of its own
    assert (processes.count(), processes.rank(), processes.local_count()) == (1, 0, 1)


def test_threads_are_shared_out(second_of_two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cores", lambda: 4)
    reason = device.place(TrainSpec(device="cpu")).reason
    assert "2 threads in each of 2 processes" in reason
    assert torch.get_num_threads() == 2
    monkeypatch.setattr(device, "cores", lambda: 1)
    assert "1 thread in each" in device.place(TrainSpec(device="cpu")).reason


def test_a_gpu_for_each(second_of_two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert device._of_this_process(torch.device("cuda")) == torch.device("cuda", 1)
    assert chosen == [1]
    with pytest.raises(UsageError, match="each of 2 processes on this machine; got cuda:0"):
        device._of_this_process(torch.device("cuda:0"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match="got 1") as caught:
        device._of_this_process(torch.device("cuda"))
    assert caught.value.code == "few-gpus"
