"""Where the built library lies, and whether it is whole, old, being built, or could not be built.

    CACHE/latens-kernels/KEY/
      library.so     the kernels
      library.json   its size and sha256, written last: without it there is no library
      failed.txt     why the last build failed
      .lock          held by the process that builds; means nothing by itself

KEY changes with the source, torch, Python and the processor, so that a library is only ever loaded
where it was built for. The folder is a cache: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache as once
from importlib import metadata
from pathlib import Path

SWITCH = "LATENS_KERNELS"
READY, NOT_BUILT = "ready", "not built yet"
HERE = Path(__file__).parent
# 64-byte vectors where the processor has them: compilers prefer 32 for fear of lower clocks, which
# oneDNN's convolutions beside these kernels pay anyway. Measured: 1.4 to 2 times as quick.
_X86 = ("-march=native", "-mprefer-vector-width=512")
# No errno and no traps for floating-point numbers, so that branches become masks; NaN, infinities
# and the order of sums stay as they are written, which -ffast-math would give up.
_ANYWHERE = ("-O3", "-fno-math-errno", "-fno-trapping-math")


def switched_off() -> bool:
    """Whether the environment says that kernels are not wanted."""
    return os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false")


def sources() -> list[Path]:
    """The C++ files of this folder."""
    return sorted(HERE.glob("*.cpp"))


def flags() -> list[str]:
    """What the compiler is told."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return [*_ANYWHERE, *(_X86 if x86 else ("-mcpu=native",))]


@once
def key() -> str:
    """What the library depends on, as a short hash."""
    text = [*flags(), metadata.version("torch"), sys.version, *platform.libc_ver(), _processor()]
    parts = [part.encode() for part in text]
    parts += [file.read_bytes() for file in [*sources(), *sorted(HERE.glob("*.h"))]]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> str:
    """What the processor is and can do: a cache in a home may be seen by different machines."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            first = file.read(1 << 14).split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(line for line in first if line.startswith(("model name", "flags", "Features")))


def folder() -> Path:
    """The folder of this key; it need not exist."""
    import platformdirs

    # A cache of its own: a folder in that of latens would be taken for a data set.
    return Path(platformdirs.user_cache_dir("latens-kernels")) / key()


def library() -> Path | None:
    """The library, if it is there and whole; a torn one would end the process when it is loaded."""
    path = folder() / "library.so"
    try:
        said = json.loads((folder() / "library.json").read_text("utf-8"))
        content = path.read_bytes()
        whole = said == _description(content)
    except (OSError, ValueError):
        return None
    return path if whole else None


def _description(content: bytes) -> dict[str, object]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def publish(built: Path) -> Path:
    """Put a finished library in its place, and forget earlier failures. Raises `OSError`."""
    content = built.read_bytes()
    _write(folder() / "library.so", content)
    _write(folder() / "library.json", json.dumps(_description(content)).encode())
    failure().unlink(missing_ok=True)
    return folder() / "library.so"


def failure() -> Path:
    """The file that says why the last build failed; it is there only if one has."""
    return folder() / "failed.txt"


def record_failure(why: str) -> None:
    """Keep the reason, so that no build is tried again by itself, and give the library up.

    Raises `OSError`.
    """
    folder().mkdir(parents=True, exist_ok=True)
    (folder() / "library.json").unlink(missing_ok=True)
    _write(failure(), why.encode("utf-8", "replace"))


def _write(path: Path, content: bytes) -> None:
    """Write elsewhere, sync, rename: at no time is there half a file under this name."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def lock(*, wait: bool) -> Iterator[bool]:
    """Hold the right to build during the block; False if another process holds it.

    The system lets go of it when a process dies, so that there are no stale locks.
    Raises `OSError` where the cache cannot be written.
    """
    import fcntl

    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def being_built() -> bool:
    """Whether some process holds the lock now."""
    if not (folder() / ".lock").exists():
        return False
    with suppress(OSError), lock(wait=False) as ours:
        return not ours
    return False


def missing() -> str:
    """The tool without which nothing can be built here, with its mend; empty if all are there."""
    if sys.platform == "win32" or not shutil.which(compiler()):
        return "no C++ compiler"
    return "" if ninja() else "no ninja, which builds them: pip install ninja"


def compiler() -> str:
    """The C++ compiler that torch would take."""
    return os.environ.get("CXX") or "c++"


def ninja() -> str | None:
    """The folder of the program ninja: in PATH, or of the package of that name."""
    beside = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
    found = shutil.which("ninja", path=beside)
    if found:
        return str(Path(found).parent)
    if importlib.util.find_spec("ninja") is None:
        return None
    return str(importlib.import_module("ninja").BIN_DIR)


def state() -> str:
    """How the build on disk stands, in one line."""
    try:
        if library():
            return READY
        if being_built():
            return "building"
        if failure().exists():
            return f"failed: see {failure()}"
    except OSError as error:
        return f"failed: {error}"
    return missing() or NOT_BUILT
