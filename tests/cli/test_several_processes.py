"""`torchrun -m latens`: one run folder, one voice, and an end for all when one is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli_tiny import NETWORK, environment, latens, process
from test_processes import LONG, begin, records, wait_for

from latens.app import following
from latens.data.load import load
from latens.errors import DataError, RunError, TrainingError
from latens.runs.folder import RunFolder
from latens.spec import DataSpec

slow = pytest.mark.slow
TWO = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
SHORT = ["--epochs", "4", "--dropout", "0.1", *NETWORK]
SCRIPT = """
import os, sys
from pathlib import Path
import latens
data, out = sys.argv[1:]
few = dict(threads=1, batch_size=64, epochs=3)
ae = latens.pretrain(data, out=f"{out}/ae", latent=8, noise="gaussian=0.2", **few)
clf = latens.classify(data, encoder=ae.run, labels=50, out=f"{out}/clf", hidden=[8], **few)
Path(f"{out}-{os.environ.get('RANK', 'alone')}").write_text(f"{clf.run} {clf.val_accuracy}")
"""


def two(*arguments: str | Path) -> list[str]:
    return process("-m", *TWO, "-m", "latens", *arguments)


@pytest.fixture(scope="module")
def straight(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training in one process, never stopped."""
    run = tmp_path_factory.mktemp("alone") / "ae"
    assert latens("pretrain", work / "data.npz", "--out", run, *LONG).code == 0
    return run


def same_curve(run: Path, other: Path, tolerance: float) -> None:
    """Alike but for rounding, which grows with each update: as with another number of threads."""
    first, second = records(run), records(other)
    assert len(first) == len(second)
    for one, two in zip(first, second, strict=True):
        assert one["step"] == two["step"]
        for part in ("train", "val"):  # an accuracy may move by an image or two
            assert one[part] == pytest.approx(two[part], rel=tolerance, abs=tolerance)


@slow
def test_ctrl_c_stops_both_and_one_process_goes_on(
    work: Path, straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "ae"
    running = begin(two("pretrain", work / "data.npz", "--out", run, *LONG), tmp_path)
    wait_for((run / "metrics.jsonl").exists, running, 300)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=300)
    assert err.count("everything so far is saved") == 1
    assert err.count(f"--resume {run}") == 1
    assert (out + err).count("images of 8x8") == 1
    assert not RunFolder.open(run).finished
    assert 0 < len(records(run)) < len(records(straight))
    assert latens("pretrain", "--resume", run).code == 0
    same_curve(run, straight, 1e-3)


@slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_is_killed_ends_the_other(
    rank: int, work: Path, straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "ae"
    running = begin(two("pretrain", work / "data.npz", "--out", run, *LONG), tmp_path)
    wait_for((run / "metrics.jsonl").exists, running, 300)
    os.kill(child(running.pid, rank), signal.SIGKILL)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 1
    assert err.count("one of them has ended") == rank  # the leader tells it, if it lives
    assert err.count(f"Go on with --resume {run}") == rank
    assert not RunFolder.open(run).finished
    assert latens("pretrain", "--resume", run).code == 0
    same_curve(run, straight, 1e-3)


def child(parent: int, rank: int) -> int:
    """The process of this rank that torchrun started."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) != parent:
                continue
            if f"RANK={rank}" in stat.with_name("environ").read_text().split("\0"):
                return int(stat.parent.name)
        except OSError:  # it ended while we looked
            continue
    raise AssertionError(f"torchrun has no process of rank {rank}")


@slow
def test_a_program_trains_twice_in_two_processes(work: Path, tmp_path: Path) -> None:
    """Autoencoder, then classifier on its encoder; every process gets the results."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    for launcher, out in (([], "alone"), (["-m", *TWO], "two")):
        subprocess.run(
            process(*launcher, script, work / "data.npz", tmp_path / out),
            env=environment(), cwd=tmp_path, check=True, timeout=600,
        )  # fmt: skip
    told = [(tmp_path / f"two-{rank}").read_text() for rank in (0, 1)]
    assert told[0] == told[1] and told[0].startswith(str(tmp_path / "two" / "clf"))
    for name in ("ae", "clf"):
        same_curve(tmp_path / "two" / name, tmp_path / "alone" / name, 1e-2)
        run = RunFolder.open(tmp_path / "two" / name)
        assert run.environment()["processes"] == 2
        assert "in each of 2 processes" in run.environment()["placement"]
        assert (run.report_dir / "index.html").is_file()
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"ae", "clf"}


@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Be the process of this rank, as torchrun would say it; Ctrl-C is put back afterwards."""
    handler = signal.getsignal(signal.SIGINT)

    def be(rank: int) -> None:
        told = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": 1}
        for name, value in told.items():
            monkeypatch.setenv(name, str(value))

    yield be
    signal.signal(signal.SIGINT, handler)


def test_other_commands_are_refused_once(of_two: Any) -> None:
    of_two(0)
    done = latens("runs", "list", "--json")
    assert done.code == 2
    assert json.loads(done.out)["error"]["code"] == "one-process"
    assert "Run it without torchrun" in done.out
    assert "Usage: latens pretrain" in latens("pretrain", "--help").out
    of_two(1)
    silent = latens("runs", "list")
    assert (silent.code, silent.out, silent.err) == (0, "", "")
    assert latens("pretrain", "--help").out == ""


@pytest.mark.parametrize(
    "error, words",
    [
        (DataError("Expected images; got none.", hint="Look."), "Process 1: Expected images"),
        (RuntimeError("a bug"), "Process 1: Something in latens went wrong"),
        (TrainingError("Expected finite.", code="not-finite"), ""),
        (TrainingError("Expected both.", code="process-lost"), ""),
    ],
)
def test_a_follower_tells_only_what_the_leader_cannot_know(
    error: Exception, words: str, of_two: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(data: Any) -> None:
        raise error

    monkeypatch.setattr(following, "_follow", fail)
    of_two(1)
    told = latens("pretrain", "digits")
    assert told.code == getattr(error, "exit_code", 1)
    assert told.out == ""
    assert words in told.err if words else not told.err


def test_other_images_under_the_same_name_are_refused(work: Path) -> None:
    spec = DataSpec(source=str(work / "data.npz"))
    images = load(spec.source)
    told = {"source": "", "fingerprint": images.fingerprint}
    assert following._images(spec, None, told).fingerprint == images.fingerprint
    told["source"] = str(work / "other.npz")
    with pytest.raises(DataError, match="same images in every process") as caught:
        following._images(spec, None, told)
    assert caught.value.code == "other-data"
    assert not isinstance(caught.value, RunError)
