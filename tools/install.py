"""Make a virtual environment with pinned versions and a CPU build of PyTorch.

    python tools/install.py .venv [--dev]

On Linux the torch of the ordinary package index brings several GB of GPU libraries. PyTorch's own
index has CPU builds of the same version; it is added when it answers within three seconds, and
left out otherwise (a machine whose package index serves a CPU build needs nothing else).
"""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    folder = Path(sys.argv[1])
    extras = "[dev]" if "--dev" in sys.argv[2:] else ""
    if sys.version_info < (3, 11):
        sys.exit(f"Expected Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if not folder.joinpath("bin", "python").exists():
        run(sys.executable, "-m", "venv", str(folder))
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    index = ["--extra-index-url", CPU_INDEX] if answers(CPU_INDEX + "/torch/") else []
    print(f"Installing latens{extras} into {folder} ...", flush=True)
    run(*install, *constraints, *index, "-e", f"{ROOT}{extras}")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def run(*command: str) -> None:
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"This step failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
