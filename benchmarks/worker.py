"""One contestant in a process of its own; it answers on a pipe that nothing else writes to.

    python worker.py MODULE NETWORK BATCH THREADS IMAGES.npy COUNT [VARIANT]

Once it is ready it says how many parameters it has and whether native kernels are at work. Then it
answers each line on standard input with one line of JSON:

    train N  ->  {"seconds": ...}    N updates, timed here
    memory   ->  {"peak_mb": ...}    the most memory that this process ever held (VmHWM)

What libraries print goes to standard error. An exception is answered as {"error": ...}, and ends
the process.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, TextIO


def main() -> None:
    answers = _answers_apart()
    try:
        _serve(answers)
    except Exception as error:
        _say(answers, {"error": f"{type(error).__name__}: {str(error)[:500]}"})
        sys.exit(1)


def _serve(answers: TextIO) -> None:
    module, network, batch, threads, images, count, *variant = sys.argv[1:]
    os.environ.setdefault("OMP_NUM_THREADS", threads)
    contestant = _contestant(
        module, network, int(batch), int(threads), images, int(count), "".join(variant)
    )
    _say(answers, {"parameters": contestant.parameters, "native": _native()})
    for line in sys.stdin:
        asked, *number = line.split()
        if asked == "memory":
            _say(answers, {"peak_mb": peak_mb()})
            continue
        begun = time.perf_counter()
        contestant.train(int(number[0]))
        _say(answers, {"seconds": time.perf_counter() - begun})


def _contestant(
    module: str, network: str, batch: int, threads: int, images: str, count: int, variant: str
) -> Any:
    import numpy as np

    from contestants import Job
    from networks import NETWORKS

    shown = np.array(np.load(images, mmap_mode="r")[:count])
    job = Job(NETWORKS[network], batch, threads, shown, variant)
    return importlib.import_module(module).build(job)


def _native() -> bool:
    """Whether latens is here, and its native kernels at work."""
    kernels = sys.modules.get("latens.kernels")
    return bool(kernels and kernels.ready())


def peak_mb() -> float:
    """The most resident memory that this process, or one that it ran, ever held; 10^6 bytes."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(line.split()[1]), children) * 1024 / 1e6


def _answers_apart() -> TextIO:
    """The pipe to the leader; whatever else writes to standard output lands on standard error."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
