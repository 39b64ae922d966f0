"""Builds in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping


def run_build(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "latens.kernels.build", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
    )
