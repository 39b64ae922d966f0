"""What the kernels ask of tensors, and the maps that they write into.

Letters, here and in the files of the kernels: B images, C channels, H rows, W columns; of a
convolution I and O channels, kernel side k.
"""

from __future__ import annotations

import torch
from torch import Tensor

from latens import kernels

FEW, LANES, SIDES = 4, 16, (1, 3, 5, 7)
"""A thin map has at most `FEW` channels, a wide one a multiple of `LANES`; sides of kernels."""


def plain(*tensors: Tensor | None, also: torch.dtype = torch.float32) -> bool:
    """Whether the kernels are there for such numbers: on CPU, float32 (or `also`), and some."""
    return kernels.ready() and all(
        t is None or (t.device.type == "cpu" and t.dtype in (torch.float32, also) and t.numel() > 0)
        for t in tensors
    )


def channels_last(x_BCHW: Tensor) -> bool:
    """Whether it is a dense map with the channels last."""
    return x_BCHW.dim() == 4 and x_BCHW.is_contiguous(memory_format=torch.channels_last)


def layouts(x: Tensor) -> list[torch.memory_format]:
    """The layouts that such a tensor may be dense in."""
    return [torch.contiguous_format] + [torch.channels_last] * (x.dim() == 4)


def dense(x_BCHW: Tensor) -> Tensor:
    return x_BCHW.contiguous(memory_format=torch.channels_last)


def empty_map(dtype: torch.dtype, *shape: int) -> Tensor:
    """An empty map with the channels last: no view, so that what follows may write into it."""
    return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)


def mixed_dtype() -> torch.dtype:
    """What a convolution gives here: float32, or the numbers of a mixed precision."""
    mixed = torch.is_autocast_enabled("cpu")
    return torch.get_autocast_dtype("cpu") if mixed else torch.float32


def outcome(size: int, side: int, stride: int, padding: int) -> int:
    """The side of a convolution's output; below one if the kernel is larger than its input."""
    return (size + 2 * padding - side) // stride + 1
