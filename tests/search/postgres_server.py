"""A PostgreSQL server of a test's own: a cluster in a temporary folder, on loopback alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

USER = "postgres"  # who runs it where tests are run by root, whom initdb refuses
START_SECONDS = 120.0


def programs() -> Path | None:
    """The folder of initdb and postgres; Debian keeps it out of PATH. None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


class Server:
    """Started by `start`, killed or stopped and started again as a test likes."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        assert found is not None
        self._bin, self.folder = found, folder
        self._who: dict[str, Any] = {"user": USER, "group": USER} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._run("initdb", "-D", folder / "data", "-U", "latens", "-A", "trust", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql://latens@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", "-p", str(self.port),
                 "-h", "127.0.0.1", "-k", self.folder, "-F"],
                stdout=log, stderr=log, **self._who,
            )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, "PostgreSQL does not start"
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it at once; who is connected is thrown out."""
        if self._process and self._process.poll() is None:
            self._run("pg_ctl", "stop", "-D", self.folder / "data", "-m", "fast")
            self._process.wait(60)

    def _answers(self) -> bool:
        asked = [self._bin / "pg_isready", "-q", "-U", "latens", "-h", "127.0.0.1"]
        return subprocess.run([*asked, "-p", str(self.port)], check=False).returncode == 0

    def _run(self, name: str, *arguments: Any) -> None:
        done = subprocess.run(
            [self._bin / name, *arguments], capture_output=True, text=True, cwd=self.folder,
            check=False, **self._who,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def temporary_folder() -> Path:
    """A folder that the server's user may enter and own: pytest's are for their owner alone."""
    folder = Path(tempfile.mkdtemp(prefix="latens-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    return folder


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
