"""How far a training has come, by the header of its newest checkpoint; no torch is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

UNREADABLE = (OSError, SafetensorError, LookupError, TypeError, ValueError)
"""What a damaged header ends in."""


def read(checkpoint: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """See `RunFolder.progress`. Raises one of `UNREADABLE` if the header is damaged."""
    with safe_open(checkpoint, framework="np") as file:  # reads the header and no tensors
        state = json.loads(file.metadata()["state"])
    phases = spec["phases"]
    over = state["phase"] >= len(phases)
    phase = phases[-1 if over else state["phase"]]
    return {
        "phase": phase["name"],
        "epoch": phase["epochs"] if over else state["epoch"],
        "epochs": phase["epochs"],
        "step": state["updates"],
        "seconds": state["seconds"],
        "over": over,
    }
