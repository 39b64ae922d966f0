"""Layers of a decoder that borrow their weights from the encoder, transposed.

The encoder alone owns the weights: they are counted, trained and saved once. A tied layer keeps
the encoder's layer in a tuple, where torch does not look for children, and reads the weight anew
in each pass, so that moving or copying the whole model keeps the two together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TiedLinear(nn.Module):
    """`x W + bias` for the encoder's `x W^T`: numbers `[B, out]` back to `[B, in]`."""

    def __init__(self, of: nn.Linear, *, bias: bool = True) -> None:
        super().__init__()
        self._of = (of,)
        self.bias = nn.Parameter(torch.zeros(of.in_features)) if bias else None

    def forward(self, x_BD: Tensor) -> Tensor:
        return F.linear(x_BD, self._of[0].weight.t(), self.bias)


class TiedConv(nn.Module):
    """The transpose of a convolution made by `same_conv`: `[B, out, h, w]` to `[B, in, *size]`."""

    def __init__(self, of: nn.Conv2d, size: tuple[int, int], *, bias: bool) -> None:
        super().__init__()
        self._of = (of,)
        self.size = size
        self.bias = nn.Parameter(torch.zeros(of.in_channels)) if bias else None

    def forward(self, x_BFhw: Tensor) -> Tensor:
        conv = self._of[0]
        near, stride = (conv.kernel_size[0] - 1) // 2, conv.stride[0]
        # Several sizes shrink to this one; more rows and columns are asked for until it fits.
        least = [(n - 1) * stride + conv.kernel_size[0] - 2 * near for n in x_BFhw.shape[2:]]
        more = [max(0, n - m) for n, m in zip(self.size, least, strict=True)]
        wide = F.conv_transpose2d(x_BFhw, conv.weight, self.bias, stride, near, more)
        return wide[:, :, : self.size[0], : self.size[1]]
