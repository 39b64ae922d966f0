"""The command `latens` within this process: its exit code and what it wrote where."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from latens.cli.main import main

NETWORK = [
    "--set", "encoder.encoder_filters=[4,8]", "--set", "encoder.decoder_filters=[8,4]",
    "--set", "encoder.kernel_size=3", "--latent", "8", "--threads", "1",
]  # fmt: skip
QUICK = ["--epochs", "3", "--hidden", "8", "--batch-size", "32", "--no-augment", "--threads", "1"]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def latens(*arguments: str | Path, stdin: str = "") -> Done:
    """Run `latens` with these arguments as a shell would."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["latens", *map(str, arguments)]
    with (
        patch.object(sys, "argv", argv),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def process(*command: str | Path) -> list[str]:
    """The command line of a real process."""
    return [sys.executable, *map(str, command)]


def environment() -> dict[str, str]:
    """One thread, so that the tests stay light and the bits the same."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder: when it was written, and what it holds."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
