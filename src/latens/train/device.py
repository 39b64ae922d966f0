"""Where to train and in which precision: chosen once, and told with the reason."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from latens import kernels, processes
from latens.errors import UsageError, plural
from latens.spec import TrainSpec


@dataclass(frozen=True)
class Placement:
    """A device, the dtype of matrix products on it, and why both were chosen.

    `native` says whether the native kernels are there for it.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str
    native: bool = False


def place(spec: TrainSpec) -> Placement:
    """Choose device and precision, and set the number of threads.

    Raises `UsageError` for a device that this machine does not have.
    """
    device, why = _device(spec.device)
    device = _of_this_process(device)
    dtype, precisely = _precision(spec.precision, device)
    if spec.threads or processes.local_count() > 1:  # torchrun leaves one thread to a process
        torch.set_num_threads(spec.threads or cores() // processes.local_count() or 1)
    if device.type == "cpu":
        keep_memory()
        why += f", {plural(torch.get_num_threads(), 'thread')}"
    if processes.count() > 1:
        why += f" in each of {processes.count()} processes"
    # Several processes normalise together (whole_batch.py), which the kernels know nothing of.
    alone = processes.count() == 1
    native = alone and device.type == "cpu" and kernels.ready()
    precisely += ", native kernels" if native else ""
    return Placement(device, dtype, f"{why}; {precisely}", native)


def keep_memory() -> None:
    """Ask glibc not to give freed memory back to the system after each step.

    Big tensors are otherwise mapped and unmapped every step, and each new page costs a fault:
    10 to 30 % of a training step of a convolutional network on CPU (`make bench`). Does
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
        cores = plural(os.cpu_count() or 1, "core")
        return torch.device("cpu"), f"device cpu (no GPU found), {cores}"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(
            f"Expected a device that this machine has; got {name!r}.",
            hint=_instead(name),
            code="bad-device",
        ) from None
    return device, f"device {name} (as asked)"


def _of_this_process(device: torch.device) -> torch.device:
    """Of several processes on a machine each takes the GPU of its own number."""
    number, count = processes.local_rank(), processes.local_count()
    if device.type != "cuda" or processes.count() == 1:
        return device
    if torch.cuda.device_count() < count or device.index is not None:
        raise UsageError(
            f"Expected a GPU for each of {count} processes on this machine; got "
            f"{device if device.index is not None else torch.cuda.device_count()}.",
            hint="Start as many processes as there are GPUs, with --device auto or cpu.",
            code="few-gpus",
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # a question of Linux alone
        return os.cpu_count() or 1


def _instead(name: str) -> str:
    """What to do without a device that was asked for."""
    if torch.cuda.is_available():
        return "Use --device auto, cpu or cuda; 'latens doctor' shows what there is."
    if not name.startswith(("cuda", "gpu")):
        return "Use --device auto or cpu; 'latens doctor' shows what there is."
    if torch.version.cuda is None:
        return "Leave --device out: this PyTorch was built for CPUs alone."
    return "Leave --device out: PyTorch finds no GPU here ('nvidia-smi' tells if the driver does)."


def _precision(name: str, device: torch.device) -> tuple[torch.dtype, str]:
    if name == "auto":
        if device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.bfloat16, "bfloat16 (this GPU has it; weights stay float32)"
        quick = device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16")
        hint = " (this CPU has bfloat16: --precision bfloat16 may be twice as quick)"
        return torch.float32, f"float32{hint if quick else ''}"
    return getattr(torch, name), f"{name} (as asked)"
