"""Cut a window from each image of a batch, by copying whole rows."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._rows import images, rows


def margins(x_BCHW: Tensor, share: float) -> tuple[int, int]:
    """`share` of the height and of the width, in whole pixels."""
    return round(share * x_BCHW.shape[2]), round(share * x_BCHW.shape[3])


def random_windows(
    padded_BCHW: Tensor, down: int, right: int, generator: torch.Generator
) -> Tensor:
    """Windows smaller than the images by 2 * `down` and 2 * `right` pixels, at random places."""
    count, device = len(padded_BCHW), padded_BCHW.device
    top = torch.randint(2 * down + 1, (count,), generator=generator, device=device)
    left = torch.randint(2 * right + 1, (count,), generator=generator, device=device)
    high, wide = padded_BCHW.shape[2] - 2 * down, padded_BCHW.shape[3] - 2 * right
    return windows(padded_BCHW, top, left, high, wide)


def windows(x_BCHW: Tensor, top_B: Tensor, left_B: Tensor, high: int, wide: int) -> Tensor:
    """`[B, C, high, wide]`: the part of each image whose corner is at (top, left), int64 `[B]`.

    A row of a window is a piece of memory without gaps that starts anywhere, so the batch is seen
    as all such pieces (overlapping, not copied), and the wanted ones are picked by their start.
    """
    source_NHW, step = rows(x_BCHW)
    planes, height, width = source_NHW.shape
    each = planes // len(x_BCHW)
    first_row = torch.arange(planes, device=x_BCHW.device) * height + top_B.repeat_interleave(each)
    every_row = first_row[:, None] + torch.arange(high, device=x_BCHW.device)
    starts = every_row * width + left_B.repeat_interleave(each)[:, None] * step
    length = wide * step
    pieces = source_NHW.as_strided((source_NHW.numel() - length + 1, length), (1, 1))
    picked = pieces.index_select(0, starts.flatten()).view(planes, high, length)
    return images(picked, step, x_BCHW.shape[1])
