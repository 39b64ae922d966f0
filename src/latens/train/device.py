"""Where to train and in which precision: chosen once, and told with the reason."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from latens.errors import UsageError
from latens.spec import TrainSpec


@dataclass(frozen=True)
class Placement:
    """A device, the dtype of matrix products on it, and why both were chosen."""

    device: torch.device
    dtype: torch.dtype
    reason: str


def place(spec: TrainSpec) -> Placement:
    """Choose device and precision, and set the number of threads.

    Raises `UsageError` for a device that this machine does not have.
    """
    device, why = _device(spec.device)
    dtype, precisely = _precision(spec.precision, device)
    if spec.threads:
        torch.set_num_threads(spec.threads)
    if device.type == "cpu":
        keep_memory()
        threads = torch.get_num_threads()
        why += f", {threads} thread{'s' if threads > 1 else ''}"
    return Placement(device, dtype, f"{why}; {precisely}")


def keep_memory() -> None:
    """Ask glibc not to give freed memory back to the system after each step.

    Big tensors are otherwise mapped and unmapped every step, and each new page costs a fault:
    10 to 30 % of a training step of a convolutional network on CPU (benchmarks/engine.py). Does
    nothing where there is no glibc.
    """
    trim_threshold, mmap_threshold = -1, -3  # names and values of malloc.h
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)
    except (OSError, AttributeError):
        return


@contextmanager
def tiny_is_zero() -> Iterator[None]:
    """Count numbers below 1e-38 as zero while the block runs, on this thread and those it makes.

    A penalty shrinks unused weights to such numbers, of which each product costs a CPU twenty times
    as much: a dense network with L2 took five times as long to train.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _device(name: str) -> tuple[torch.device, str]:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda"), f"device cuda ({torch.cuda.get_device_name()})"
        return torch.device("cpu"), f"device cpu (no GPU found), {os.cpu_count()} cores"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(
            f"Expected a device that this machine has; got {name!r}.",
            hint="Use --device auto, cpu or cuda; 'latens doctor' shows what there is.",
            code="bad-device",
        ) from None
    return device, f"device {name} (as asked)"


def _precision(name: str, device: torch.device) -> tuple[torch.dtype, str]:
    if name == "auto":
        if device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.bfloat16, "bfloat16 (this GPU has it; weights stay float32)"
        return torch.float32, "float32"
    return getattr(torch, name), f"{name} (as asked)"
