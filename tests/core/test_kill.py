"""A training in a process of its own that is killed by a real signal, and resumed here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from core_tiny import new_run, same, training, two_phases, weights

from latens.runs.folder import RunFolder
from latens.train import checkpoint
from latens.train.loop import fit

PLACE = 9  # in the second phase, in the middle of an epoch
SCRIPT = """
import os, signal, sys, torch
from pathlib import Path
from core_tiny import training, two_phases
from latens.errors import LatensError
from latens.runs.folder import RunFolder
from latens.train import loop

path, number, seconds, place = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(1)
loop.SHOW_SECONDS, loop.SAVE_SECONDS = -1.0, seconds
told = 0

def kill(record):
    global told
    told += 1
    if told > place:
        os.kill(os.getpid(), number)

t = training("classify", two_phases("classify"), RunFolder.open(path), observers=(kill,),
             augment=({"name": "affine"},))
try:
    loop.fit(t)
except LatensError as error:
    print(error.code, error.hint)
    sys.exit(error.exit_code)
"""


def killed(run: RunFolder, number: signal.Signals, save_seconds: float) -> tuple[int, str]:
    """Exit code and output of a training in another process that sends itself this signal."""
    source = Path(__file__).parent
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SCRIPT,
            str(run.path),
            str(int(number)),
            str(save_seconds),
            str(PLACE),
        ],
        env=os.environ | {"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "number, save_seconds, code",
    [(signal.SIGINT, 1e9, 130), (signal.SIGKILL, -1.0, -signal.SIGKILL)],
)
def test_the_same_bits_after_a_signal(
    number: signal.Signals, save_seconds: float, code: int, tmp_path: Path
) -> None:
    run = new_run(tmp_path / "run")
    ended, output = killed(run, number, save_seconds)
    assert ended == code, output
    if number == signal.SIGINT:
        assert output.strip() == f"interrupted Go on with: latens pretrain --resume {run.path}"
    assert checkpoint.newest(run) is not None
    whole, resumed = (
        training("classify", two_phases("classify"), each, augment=({"name": "affine"},))
        for each in (None, RunFolder.open(run.path))
    )
    assert fit(whole).updates == fit(resumed).updates == 12
    assert same(weights(whole.model), weights(resumed.model))
