"""Build the native kernels now: `python -m latens.kernels.build`.

It takes seconds. The same is done in the background when a training would have used them.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from latens.errors import RunError
from latens.kernels import cache

# The oldest torch whose stable interface the source is written for.
_TARGET = "-DTORCH_TARGET_VERSION=0x020b000000000000"


def build(*, wait: bool = True) -> Path | None:
    """Build, try and publish the library; returns its path.

    If another process is building it, that one is waited for, or None is returned where `wait` is
    false. Raises `RunError` if a tool is missing or the build fails, whose log is then kept.
    """
    if lacking := cache.missing():
        raise RunError(
            f"Expected a C++ compiler and ninja for the native kernels; got {lacking}.",
            hint="Nothing needs them: trainings are slower without.",
            code="kernels-tools",
        )
    try:
        with cache.lock(wait=wait) as ours:
            return (cache.library() or _build()) if ours else None
    except OSError as error:
        raise RunError(
            f"Expected to write the native kernels into {cache.folder()}; got: {error}.",
            hint="Make the folder writable, or set XDG_CACHE_HOME.",
            code="kernels-cache",
        ) from error


def _build() -> Path:
    for left in cache.folder().glob("build-*"):  # by a build that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache.folder(), prefix="build-") as folder:
        try:
            built = _compiled(Path(folder))
            return cache.publish(built)
        except Exception as error:  # whatever a compiler, a linker or a loader comes up with
            cache.record_failure(f"{error}\n")
            raise RunError(
                f"Expected the native kernels to build; they did not: {_first(error)}",
                hint=f"The whole log is in {cache.failure()}. Nothing needs them: trainings are "
                "slower without.",
                code="kernels-build",
            ) from error


def _first(error: Exception) -> str:
    """The first line of the log that speaks of an error, else its first line."""
    lines = str(error).splitlines() or [type(error).__name__]
    return next((line for line in lines if "error:" in line), lines[0])


def _compiled(folder: Path) -> Path:
    """Compile, load and try the library in a folder of its own."""
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), cache.ninja() or ""))
    from torch.utils import cpp_extension

    cpp_extension.load(
        "latens_kernels",
        [str(file) for file in cache.sources()],
        extra_cflags=[*cache.flags(), _TARGET],
        build_directory=str(folder),
        is_python_module=False,
        with_cuda=False,
    )
    # A trial that kills this process is a failure too: `publish` removes the note.
    cache.record_failure("The process died when it tried the library.\n")
    _try()
    return next(folder.glob("latens_kernels*.so"))


def _try() -> None:
    """Raises `ArithmeticError` if the library does not give what torch gives."""
    import torch

    x = torch.linspace(-1, 2, 2 * 3 * 5 * 5).reshape(2, 3, 5, 5)
    x = x.contiguous(memory_format=torch.channels_last)
    y, mean, var = torch.empty_like(x), torch.empty(3), torch.empty(3)
    ones, zeros = torch.ones(3), torch.zeros(3)
    torch.ops.latens.norm_act(x, ones, zeros, 1e-5, False, False, y, mean, var)
    expected = torch.nn.functional.batch_norm(x.contiguous(), None, None, training=True)
    if not torch.allclose(y, expected, atol=1e-5):
        raise ArithmeticError("the built library computes something else than torch")


def main(arguments: Sequence[str]) -> int:
    """Build, and say what was done; the exit code is 0 or that of `RunError`."""
    background = "--background" in arguments
    if background:
        os.nice(10)
        os.environ.setdefault("MAX_JOBS", "1")
    try:
        path = build(wait=not background)
    except RunError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"The native kernels are ready: {path}\n" if path else "Another is at it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
