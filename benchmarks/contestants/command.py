"""`latens pretrain` as a person types it: the run on disk, validation, results and pages included.

Only its memory is of interest, which is that of a child of this process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from contestants import Job
from networks import latens_spec


class Command:
    """One epoch over the images in a file."""

    def __init__(self, job: Job) -> None:
        self.job, self.parameters = job, job.network.parameters
        self.folder = tempfile.TemporaryDirectory()

    def train(self, steps: int) -> None:
        images = Path(self.folder.name, "images.npy")
        run = Path(self.folder.name, f"run-{steps}")
        np.save(images, self.job.images[: steps * self.job.batch])
        encoder = latens_spec(self.job.network).model_dump_json()
        subprocess.run(
            [
                sys.executable, "-m", "latens", "pretrain", str(images), "--out", str(run),
                "--epochs", "1", "--batch-size", str(self.job.batch), "--device", "cpu",
                "--threads", str(self.job.threads), "--set", f"encoder={encoder}",
            ],
            check=True, stdout=sys.stderr,
        )  # fmt: skip
        trained = json.loads((run / "environment.json").read_text("utf-8"))["parameters"]
        assert trained == self.parameters, f"it trained a network of {trained:,} parameters"


build = Command
