"""The tutorial's commands and its Python run as they are printed, in their order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TUTORIAL, flags=re.DOTALL)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, text=True, capture_output=True
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutorial")


def test_every_command_runs_in_order(workplace: Path) -> None:
    commands = [line for block in blocks("sh") for line in block.strip().splitlines()]
    assert len(commands) >= 10
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "latens"
        done = run(workplace, "-m", "latens", *arguments)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (workplace / "runs/verdict/report/index.html").is_file()


def test_the_python_runs_and_gives_what_its_comments_say(workplace: Path) -> None:
    (code,) = blocks("python")
    done = run(workplace, "-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr
    accuracy, shape = done.stdout.strip().splitlines()
    assert 0.2 < float(accuracy) <= 1
    assert shape == "(1797, 16)"
