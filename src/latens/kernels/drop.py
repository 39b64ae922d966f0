"""Dropout, with the ReLU before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latens.kernels._maps import layouts, plain


def dropout_applies(x: Tensor) -> bool:
    """Whether `dropout` can be used: numbers without gaps between them."""
    return plain(x, also=torch.bfloat16) and any(
        x.is_contiguous(memory_format=f) for f in layouts(x)
    )


def dropout(x: Tensor, rate: float, seed: int, *, relu: bool) -> Tensor:
    """Each number zero with probability `rate`, else divided by 1 - `rate`; after a ReLU if asked.

    `rate` is above 0 and below 1. The same `seed` (int64) drops the same places of memory,
    however many threads there are. Srivastava et al., Dropout, 2014.
    """
    y: Tensor = _Dropout.apply(x, rate, seed, relu)  # type: ignore[no-untyped-call]
    return y


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: float, seed: int, relu: bool) -> Tensor:
        y = torch.empty_like(x)
        torch.ops.latens.dropout(x, seed, rate, relu, y)
        ctx.save_for_backward(y)
        ctx.how = seed, rate, relu
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None, None]:
        (y,) = ctx.saved_tensors
        if dy.stride() != y.stride():
            dy = torch.empty_like(y).copy_(dy)
        dx = torch.empty_like(y)
        torch.ops.latens.dropout_backward(dy, y, *ctx.how, dx)
        return dx, None, None, None
