"""Real processes, really stopped: Ctrl-C and kill -9 lose nothing, and the bits stay the same."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_tiny import NETWORK, environment, latens, process
from torch import Tensor

from latens.runs.folder import RunFolder
from latens.train import checkpoint

# Long enough to be caught in the middle, even on a quick machine that is not busy.
LONG = ["--epochs", "60", "--dropout", "0.1", "--batch-size", "16", *NETWORK]
EAGER = """
import sys
from latens.cli.main import main
from latens.train import loop
loop.SAVE_SECONDS = 0.0
main()
"""
TIMES = ("seconds", "images_per_second")


def wait_for(
    ready: Callable[[], bool], running: subprocess.Popen[str], seconds: float = 60
) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert running.poll() is None, f"it ended by itself: {running.communicate()}"
        assert time.monotonic() < deadline, "it did not get going"
        time.sleep(0.02)


def begin(command: list[str], cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=cwd, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def weights(run: Path) -> dict[str, Tensor]:
    return checkpoint._read(RunFolder.open(run))[0]


def records(run: Path) -> list[dict[str, Any]]:
    found = RunFolder.open(run).metrics()
    return [{key: r[key] for key in r if key not in TIMES} for r in found]


@pytest.fixture(scope="module")
def straight(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training, never stopped."""
    run = tmp_path_factory.mktemp("straight") / "ae"
    assert latens("pretrain", work / "data.npz", "--out", run, *LONG).code == 0
    return run


def same(run: Path, other: Path) -> bool:
    first, second = weights(run), weights(other)
    return first.keys() == second.keys() and all(first[n].equal(second[n]) for n in first)


def test_ctrl_c_saves_and_says_how_to_go_on(work: Path, straight: Path, tmp_path: Path) -> None:
    run = tmp_path / "ae"
    running = begin(
        process("-m", "latens", "pretrain", work / "data.npz", "--out", run, *LONG, "--json"),
        tmp_path,
    )
    wait_for((run / "metrics.jsonl").exists, running)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    error = json.loads(out)["error"]
    assert error["code"] == "interrupted" and f"--resume {run}" in error["hint"]
    assert "Traceback" not in err
    assert not RunFolder.open(run).finished
    assert 0 < len(records(run)) < len(records(straight))
    assert latens("pretrain", "--resume", run).code == 0
    assert same(run, straight)
    assert records(run) == records(straight)


def test_kill_in_the_middle(work: Path, straight: Path, tmp_path: Path) -> None:
    driver, run = tmp_path / "driver.py", tmp_path / "ae"
    driver.write_text(EAGER)
    running = begin(process(driver, "pretrain", work / "data.npz", "--out", run, *LONG), tmp_path)
    wait_for((run / "metrics.jsonl").exists, running)
    running.kill()
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL
    assert not RunFolder.open(run).finished
    state = checkpoint.restore(RunFolder.open(run), latens_model(run))[0]
    assert state.updates > 0, "nothing had been saved"
    assert latens("pretrain", "--resume", run).code == 0
    assert same(run, straight)
    assert records(run) == records(straight)
    assert [f.suffix for f in (run / "weights").iterdir() if f.name != "LAST"] == [".safetensors"]


def latens_model(run: Path) -> Any:
    """The network of a run, freshly initialised."""
    import numpy as np

    from latens.app.training import build_model
    from latens.data.image_set import ImageSet
    from latens.spec import RunSpec, parse

    blank = ImageSet(np.zeros((1, 1, 8, 8), np.uint8))
    return build_model(parse(RunSpec, RunFolder.open(run).spec()), blank)


def test_ctrl_c_before_the_training_begins(tmp_path: Path) -> None:
    driver = tmp_path / "driver.py"
    driver.write_text(
        "import os, signal\n"
        "from latens.cli.main import main\n"
        "from latens.app import runs\n"
        "runs.list_runs = lambda root: os.kill(os.getpid(), signal.SIGINT)\n"
        "main()\n"
    )
    running = begin(process(driver, "runs", "list", "--json"), tmp_path)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "json"])
def test_ctrl_c_while_the_program_is_still_imported(arguments: list[str], tmp_path: Path) -> None:
    driver = tmp_path / "driver.py"
    driver.write_text(
        "import os, signal, sys\n"
        "from importlib.abc import MetaPathFinder\n"
        "class Stop(MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'typer':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from latens.__main__ import main\n"
        "main()\n"
    )
    running = begin(process(driver, "runs", "list", *arguments), tmp_path)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    told = json.loads(out)["error"]["message"] if arguments else err.strip()
    assert told == "Stopped."
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_error(runs: Path) -> None:
    running = begin(process("-m", "latens", "runs", "show", "runs/clf"), runs)
    assert running.stdout and running.stderr
    running.stdout.close()
    with running.stderr:
        err = running.stderr.read()
    running.wait(timeout=60)
    assert "Traceback" not in err and "not your mistake" not in err
