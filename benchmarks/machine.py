"""What a benchmark ran on, in words that say nothing about whose machine it is."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "tensorflow", "tensorflow-cpu", "keras", "skorch", "pythae", "numpy")
_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "sve", "asimd")


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, vector instructions, memory, versions."""
    info = _cpuinfo()
    flags = set((info.get("flags") or info.get("Features") or "").split())
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "instructions": [name for name in _SETS if name in flags],
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "versions": _versions(),
    }


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # a question of Linux alone
        return os.cpu_count() or 1


def sentence(found: dict[str, Any]) -> str:
    """`hardware` for a reader."""
    sets = ", ".join(found["instructions"]) or "no vector instructions that we know"
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['cpu']}, {found['cores']} cores ({sets}), {found['memory_gb']} GB; "
        f"{found['system']}; {versions}"
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text("utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
