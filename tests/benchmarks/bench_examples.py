"""Made-up results of `bench.py`: three rounds in which latens is three times as fast as Keras."""

from __future__ import annotations

from typing import Any

HARDWARE = {
    "cpu": "Some CPU", "cores": 2, "instructions": ["avx2"], "memory_gb": 8,
    "system": "Linux, Python 3.11.7", "versions": {"torch": "2.13.0"},
}  # fmt: skip
SECONDS = {
    "latens": 1.0, "latens-pure": 1.5, "bare": 1.0, "torch": 2.5, "torch-channels-last": 2.0,
    "keras": 3.0, "keras-xla": 4.0, "skorch": 5.0, "pythae": 10.0,
}  # fmt: skip


def epochs(seconds: float, single: float = 0.25) -> dict[str, float]:
    """The two times of a contestant in a round: its images took `seconds`."""
    return {"single": single, "whole": seconds + single}


def block(network: str = "cae-10", batch: int = 128) -> dict[str, Any]:
    """Rounds on a machine whose clock halves in the second one and comes back in the third."""
    slow = (1.0, 2.0, 1.0)
    return {
        "network": network, "batch": batch, "images": 1000, "date": "2026-01-02",
        "ready": dict.fromkeys(SECONDS, 2.0), "first": dict.fromkeys(SECONDS, 0.5),
        "native": dict.fromkeys(SECONDS, False) | {"latens": True}, "errors": {},
        "rounds": [{name: epochs(s * f) for name, s in SECONDS.items()} for f in slow],
        "peaks": [100.0, 100.0, 100.0, 100.0],
    }  # fmt: skip


def results() -> dict[str, Any]:
    """All blocks and the memory."""
    blocks = ("cae-10", 128), ("cae-10", 256), ("dae-8", 128), ("cae-4", 128)
    return {
        "hardware": HARDWARE, "threads": 2, "images": "MNIST",
        "blocks": {f"{network}-{batch}": block(network, batch) for network, batch in blocks}
        | {"cae-10-128-engine": block()},
        "memory": {
            "network": "cae-10", "batch": 128, "images": 59904, "native": {}, "errors": {},
            "peak_mb": {"latens": 500.0, "keras": 1000.0},
        },
    }  # fmt: skip
