"""The commands that go on with a run, or make something of it again, as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any, get_args

from latens.choices import Exploration

Spec = Mapping[str, Any]


def resume(path: Path, spec: Spec) -> str:
    """Go on with a run; its images are named again where it was made from arrays."""
    run, task = quote(str(path)), spec.get("task")
    if task == "study":
        return f"{_study(spec)} --out {run}"
    images = "IMAGES.npz " if spec.get("data", {}).get("source") == "array" else ""
    return f"latens {task} {images}--resume {run}"


def remake(path: Path, spec: Spec, result: str) -> str:
    """Write a result of a finished run anew."""
    run, what = quote(str(path)), result.removesuffix("-test")
    if result in ("classification", "reconstruction-test"):
        return f"latens evaluate {run}"
    if what in get_args(Exploration):
        return f"latens explore {run} {what}{'' if what == result else ' --part test'}"
    return resume(path, spec)


def _study(spec: Spec) -> str:
    """The command that made a study; the smoke scale has images of its own."""
    scale, source = spec["scale"], spec["data"]["source"]
    data = "" if scale == "smoke" else f" --data {quote(source)}"
    return f"latens study run {quote(spec['study'])} --scale {scale}{data}"
