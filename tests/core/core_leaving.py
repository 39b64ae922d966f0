"""Train in several processes; each says which threads of gloo it has before and after leaving.

torchrun --nproc-per-node 2 core_leaving.py FOLDER
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path

from core_together import finished, plain, together

from latens import processes


def gloo_threads() -> list[str]:
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


def main(folder: Path) -> None:
    there: list[str] = []
    mine = folder / f"threads-{processes.rank()}"
    # Registered before the group's own farewell, so it comes after it.
    atexit.register(lambda: mine.write_text(f"{len(there)} {len(gloo_threads())}"))
    finished(together(plain("reconstruct")))
    there += gloo_threads()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
