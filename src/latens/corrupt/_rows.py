"""Images as rows in the order of memory, so that one piece of code is quick in both layouts.

A row holds W pixels of `step` numbers: C of them in channels-last images, and 1 in contiguous
ones, whose channels then count as images of their own (N = B or B * C).
"""

from __future__ import annotations

import torch
from torch import Tensor


def in_memory_order(x_BCHW: Tensor) -> Tensor:
    """A contiguous tensor of the same numbers: `[B, H, W, C]` for channels-last, else itself."""
    if x_BCHW.is_contiguous():
        return x_BCHW
    return x_BCHW.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)


def rows(x_BCHW: Tensor) -> tuple[Tensor, int]:
    """`[N, H, W * step]` and `step`."""
    ordered = in_memory_order(x_BCHW)
    if ordered is x_BCHW:
        return ordered.flatten(0, 1), 1
    return ordered.flatten(2), x_BCHW.shape[1]


def images(rows_NHW: Tensor, step: int, channels: int) -> Tensor:
    """The way back to `[B, C, H, W]`."""
    height = rows_NHW.shape[1]
    if step == 1:
        return rows_NHW.view(-1, channels, height, rows_NHW.shape[2])
    return rows_NHW.view(len(rows_NHW), height, -1, step).permute(0, 3, 1, 2)


def one_a_plane(value_B: Tensor, planes: int) -> Tensor:
    """One number an image as `[N, 1, 1]`."""
    return value_B.repeat_interleave(planes // len(value_B))[:, None, None]
