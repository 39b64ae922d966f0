"""The contestants: one file each, with `build(job)`, which gives something that can train.

Each lives in a process of its own (`worker.py`). A file imports nothing heavy before `build`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from networks import Network


@dataclass(frozen=True)
class Job:
    """What a contestant is to train on.

    Attributes:
        images: uint8 `[N, 28, 28]`, the same for all.
        variant: which way of the same peer, such as a memory layout.
        device: "cpu", or "cuda" in the benchmark of a GPU.
    """

    network: Network
    batch: int
    threads: int
    images: Any
    variant: str = ""
    device: str = "cpu"


class Contestant(Protocol):
    """A network, its optimiser (Adam, rate 0.001, on the mean squared error) and its images."""

    parameters: int

    def train(self, steps: int) -> None:
        """So many updates, in the order and the way in which this library does an epoch."""
        ...
