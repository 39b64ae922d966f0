"""Is this machine fit for latens? Facts, and findings with their mend."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

import torch

from latens import kernels
from latens.data import download, names
from latens.data.finding import Finding

_GB = 1 << 30
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pydantic", "typer", "safetensors")


def doctor() -> tuple[dict[str, str], list[Finding]]:
    """Facts by name, and what ought to be mended."""
    free = shutil.disk_usage(Path.cwd()).free
    found = [n.name for n in names.known() if n.where not in ("download", "built in")]
    facts = {
        "latens": metadata.version("latens"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "cores": str(os.cpu_count()),
        "torch threads": str(torch.get_num_threads()),
        "devices": ", ".join(_devices()),
        "native kernels": kernels.state(),
        "free disk": f"{free / _GB:.1f} GB here",
        "data folders": os.pathsep.join(str(folder) for folder in names.folders()),
        "data found": ", ".join(found) or "none (digits is built in)",
        **{package: metadata.version(package) for package in _PACKAGES},
    }
    return facts, [finding for finding in (_disk(free), _threads(), _cache()) if finding]


def _devices() -> list[str]:
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ["cpu", *gpus]


def _disk(free: int) -> Finding | None:
    if free > _GB:
        return None
    text = f"Only {free / _GB:.2f} GB of disk are free here; runs and packs need more."
    return Finding("little-disk", "warning", text)


def _threads() -> Finding | None:
    if torch.get_num_threads() <= (os.cpu_count() or 1):
        return None
    text = "More threads than cores are set (OMP_NUM_THREADS); training will be slower."
    return Finding("many-threads", "warning", text)


def _cache() -> Finding | None:
    place = download.cache()
    parent = next(p for p in (place, *place.parents) if p.exists())
    if os.access(parent, os.W_OK):
        return None
    text = f"The cache {place} cannot be written: downloads will fail. Set LATENS_DATA instead."
    return Finding("cache-not-writable", "warning", text)
