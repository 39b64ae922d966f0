"""Make a virtual environment with pinned versions and a CPU build of PyTorch.

    python tools/install.py .venv [--dev]
    python tools/install.py .venv-bench --bench

On Linux the torch of the ordinary package index brings several GB of GPU libraries. PyTorch's own
index has CPU builds of the same version; it is added when it answers within three seconds, and
left out otherwise (a machine whose package index serves a CPU build needs nothing else).

`--bench` adds the libraries that the benchmark compares with. torch is installed first, so that
none of them brings another one; a library that cannot be installed is told and left out.
"""

from __future__ import annotations

import platform
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
    index = ["--extra-index-url", CPU_INDEX] if answers(CPU_INDEX + "/torch/") else []
    bench = "--bench" in sys.argv[2:]
    pinned = ROOT / "benchmarks" / "constraints.txt" if bench else ROOT / "constraints.txt"
    install += ["-c", str(pinned), *index]
    print(f"Installing latens{extras} into {folder} ...", flush=True)
    if bench:
        run(*install, "torch")
    run(*install, "-e", f"{ROOT}{extras}")
    for peer in peers() if bench else ():
        print(f"Installing {peer} into {folder} ...", flush=True)
        if subprocess.run([*install, peer], check=False).returncode:
            print(f"{peer} cannot be installed here, and is left out.", flush=True)


def peers() -> tuple[str, ...]:
    """The libraries that the benchmark compares with, and what builds latens' kernels."""
    x86 = sys.platform == "linux" and platform.machine() == "x86_64"
    tensorflow = "tensorflow-cpu" if x86 else "tensorflow"  # elsewhere it brings no GPU libraries
    return "ninja", tensorflow, "keras", "skorch", "pythae"


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
