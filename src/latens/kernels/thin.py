"""Convolutions from few channels to many, and from many to few."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from latens.kernels._maps import (
    FEW,
    LANES,
    SIDES,
    channels_last,
    dense,
    empty_map,
    mixed_dtype,
    outcome,
    plain,
)


def thin_in_applies(
    x_BIHW: Tensor, weight_OIkk: Tensor, bias_O: Tensor | None, stride: int, padding: int
) -> bool:
    """Whether `thin_in` can be used and pays: one channel to a multiple of 16, k odd, at most 7.

    With two to `FEW` channels it computes the same as torch, in the same time or a little more.
    """
    many, few, side, other = weight_OIkk.shape
    return (
        plain(x_BIHW, weight_OIkk, bias_O)
        and mixed_dtype() in (torch.float32, torch.bfloat16)
        and x_BIHW.dim() == 4
        and x_BIHW.shape[1] == few == 1
        and many % LANES == 0
        and side == other
        and side in SIDES
        and min(outcome(size, side, stride, padding) for size in x_BIHW.shape[2:]) > 0
    )


def thin_in(
    x_BIHW: Tensor, weight_OIkk: Tensor, bias_O: Tensor | None, stride: int, padding: int
) -> Tensor:
    """A first convolution: few channels to many. x may have any layout; y has channels last.

    x and the weights are float32; y is what convolutions give in the mixed precision of the moment.
    """
    y: Tensor = _ThinIn.apply(x_BIHW, weight_OIkk, bias_O, stride, padding)  # type: ignore[no-untyped-call]
    return y


def spread(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """`thin_in` of a dense map, without its gradients."""
    sides = [outcome(size, weight.shape[2], stride, padding) for size in x.shape[2:]]
    y = empty_map(mixed_dtype(), x.shape[0], weight.shape[0], *sides)
    kernel_IkkO = weight.permute(1, 2, 3, 0).contiguous()
    begin_O = weight.new_zeros(weight.shape[0]) if bias is None else bias
    torch.ops.latens.thin_spread(x, kernel_IkkO, begin_O, stride, padding, y)
    return y


class _ThinIn(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        x = dense(x)
        ctx.save_for_backward(x, weight)
        ctx.how = stride, padding
        return spread(x, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (stride, padding), dy = ctx.saved_tensors, ctx.how, dense(dy)
        dx = dweight = dbias = None
        if ctx.needs_input_grad[0]:  # rare: the images themselves are seldom asked for theirs
            alike = weight.to(dy.dtype)
            dx = conv2d_input(x.shape, alike, dy, stride, padding).to(x.dtype)  # type: ignore[no-untyped-call]
        if ctx.needs_input_grad[1]:
            dweight = _dweight(x, dy, weight, stride, padding)
        if ctx.needs_input_grad[2]:
            dbias = dy.sum((0, 2, 3), dtype=weight.dtype)
        return dx, dweight, dbias, None, None


def _dweight(thin: Tensor, wide: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """The gradient of a kernel `[wide, thin, k, k]` that meets the thin map."""
    dkernel_PkkC = weight.new_empty(weight.permute(1, 2, 3, 0).shape)
    torch.ops.latens.thin_gather(thin, wide, stride, padding, dkernel_PkkC)
    return dkernel_PkkC.permute(3, 0, 1, 2)


def thin_out_applies(
    x_BIHW: Tensor, weight_OIkk: Tensor, bias_O: Tensor | None, padding: int
) -> bool:
    """Whether `thin_out` can be used: a dense map with channels last, O at most 4, I a multiple of
    16, k odd and at most 7, padding smaller than k. The map may be bfloat16; what comes of it is
    float32, as are the weights."""
    few, many, side, _ = weight_OIkk.shape
    return (
        _to_few(x_BIHW, weight_OIkk, bias_O, few, many)
        and side in SIDES
        and padding < side
        and min(outcome(size, side, 1, padding) for size in x_BIHW.shape[2:]) > 0
    )


def thin_out(x_BIHW: Tensor, weight_OIkk: Tensor, bias_O: Tensor | None, padding: int) -> Tensor:
    """A last convolution of stride 1: many channels to few."""
    border = weight_OIkk.shape[2] - 1 - padding
    turned_IOkk = weight_OIkk.flip(2, 3).transpose(0, 1)
    y: Tensor = _ToFew.apply(x_BIHW, turned_IOkk, bias_O, 1, border)  # type: ignore[no-untyped-call]
    return y


def thin_up_applies(x_BIHW: Tensor, weight_IO44: Tensor, bias_O: Tensor | None) -> bool:
    """Whether `thin_up` can be used: as `thin_out`, with a kernel of side 4."""
    many, few, side, _ = weight_IO44.shape
    return _to_few(x_BIHW, weight_IO44, bias_O, few, many) and side == 4


def thin_up(x_BIHW: Tensor, weight_IO44: Tensor, bias_O: Tensor | None) -> Tensor:
    """A last transposed convolution of stride 2 and padding 1: twice the sides, few channels."""
    y: Tensor = _ToFew.apply(x_BIHW, weight_IO44, bias_O, 2, 1)  # type: ignore[no-untyped-call]
    return y


def _to_few(x_BIHW: Tensor, weight: Tensor, bias_O: Tensor | None, few: int, many: int) -> bool:
    return (
        plain(x_BIHW, also=torch.bfloat16)
        and plain(weight, bias_O)
        and channels_last(x_BIHW)
        and x_BIHW.shape[1] == many
        and many % LANES == 0
        and few <= FEW
        and weight.shape[2] == weight.shape[3]
    )


class _ToFew(torch.autograd.Function):
    """A transposed convolution: any of stride 1, or one of stride 2, side 4 and padding 1.

    Of x, float32 or bfloat16, to y in float32.
    Its gradients are those of a convolution from few channels: of `dy`, with the same kernel.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, step: int, padding: int
    ) -> Tensor:
        side = weight.shape[2]
        sides = [(size - 1) * step + side - 2 * padding for size in x.shape[2:]]
        y = empty_map(torch.float32, x.shape[0], weight.shape[1], *sides)
        begin_O = weight.new_zeros(weight.shape[1]) if bias is None else bias
        border = (side - 1 - padding) // step
        torch.ops.latens.thin_dot(x, _blocks(weight, step), begin_O, step, border, y)
        ctx.save_for_backward(x, weight)
        ctx.how = step, padding
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (step, padding), dy = ctx.saved_tensors, ctx.how, dense(dy)
        dx = dweight = dbias = None
        if ctx.needs_input_grad[0]:
            dx, kernel_OkkI = torch.empty_like(x), weight.permute(1, 2, 3, 0).contiguous()
            zeros_I = weight.new_zeros(x.shape[1])
            torch.ops.latens.thin_spread(dy, kernel_OkkI, zeros_I, step, padding, dx)
        if ctx.needs_input_grad[1]:
            dweight = _dweight(dy, x, weight, step, padding)
        if ctx.needs_input_grad[2]:
            dbias = dy.sum((0, 2, 3))
        return dx, dweight, dbias, None, None


def _blocks(weight_IOkk: Tensor, step: int) -> Tensor:
    """The kernels `[step, step, O, k / step, k / step, I]` of each place in a block of the output.

    Output row step * h + r of a transposed convolution meets input rows with every step-th row of
    the kernel turned round, from the r-th on.
    """
    many, few, side, _ = weight_IOkk.shape
    parts = weight_IOkk.flip(2, 3).reshape(many, few, side // step, step, side // step, step)
    return parts.permute(3, 5, 1, 2, 4, 0).contiguous()
