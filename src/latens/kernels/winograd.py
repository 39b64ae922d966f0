"""3x3 convolutions by Winograd's minimal filtering."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latens.kernels._maps import LANES, channels_last, dense, empty_map, mixed_dtype, plain


def winograd_applies(x_BIHW: Tensor, weight_OI33: Tensor, bias_O: Tensor | None) -> bool:
    """Whether `winograd` can be used and pays: float32, channels last, I and O multiples of 16 and
    at least 32, sides of 4 or more, 1024 places or more, 64-byte vectors."""
    many_out, many_in, *sides = weight_OI33.shape
    batch, channels, height, width = x_BIHW.shape
    return (
        plain(x_BIHW, weight_OI33, bias_O)
        and mixed_dtype() == torch.float32
        and channels_last(x_BIHW)
        and sides == [3, 3]
        and channels == many_in
        and many_in % LANES == many_out % LANES == 0
        and min(many_in, many_out) >= 2 * LANES
        and min(height, width) >= 4
        and batch * height * width >= 1024
        and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    )


def winograd(x_BIHW: Tensor, weight_OI33: Tensor, bias_O: Tensor | None) -> Tensor:
    """A 3x3 convolution of stride 1 and padding 1, by Winograd's minimal filtering F(4x4, 3x3).

    Lavin and Gray, Fast algorithms for convolutional neural networks, 2016.
    """
    y: Tensor = _Winograd.apply(x_BIHW, weight_OI33, bias_O)  # type: ignore[no-untyped-call]
    return y


class _Winograd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolved(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), dy = ctx.saved_tensors, dense(dy)
        dx = dweight = dbias = None
        if ctx.needs_input_grad[0]:
            dx = _convolved(dy, weight, None, turned=True)
        if ctx.needs_input_grad[1]:
            dweight = empty_map(weight.dtype, *weight.shape)
            torch.ops.latens.winograd_gradient(x, dy, dweight)
        if ctx.needs_input_grad[2]:
            dbias = dy.sum((0, 2, 3))
        return dx, dweight, dbias


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, *, turned: bool = False) -> Tensor:
    """Also with the kernel turned round and its channels changed over, for the gradient of x."""
    channels = weight.shape[1 if turned else 0]
    begin = weight.new_zeros(channels) if bias is None else bias
    y = empty_map(x.dtype, x.shape[0], channels, *x.shape[2:])
    torch.ops.latens.winograd(x, dense(weight), turned, begin, y)
    return y
