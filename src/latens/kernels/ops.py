"""The kernels as differentiable functions. Call one only where its `_applies` says yes.

Letters: B images, C channels, H rows, W columns; of a convolution I and O channels, kernel side k.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from latens import kernels

FEW, LANES, SIDES = 4, 16, (1, 3, 5, 7)
"""A thin map has at most `FEW` channels, a wide one a multiple of `LANES`; sides of kernels."""


def _plain(*tensors: Tensor | None, also: torch.dtype = torch.float32) -> bool:
    """Whether the kernels are there for such numbers: on CPU, float32 (or `also`), and some."""
    return kernels.ready() and all(
        t is None or (t.device.type == "cpu" and t.dtype in (torch.float32, also) and t.numel() > 0)
        for t in tensors
    )


def _last(x_BCHW: Tensor) -> bool:
    """Whether it is a dense map with the channels last."""
    return x_BCHW.dim() == 4 and x_BCHW.is_contiguous(memory_format=torch.channels_last)


def _dense_in(x: Tensor) -> list[torch.memory_format]:
    """The layouts that such a tensor may be dense in."""
    return [torch.contiguous_format] + [torch.channels_last] * (x.dim() == 4)


def _dense(x_BCHW: Tensor) -> Tensor:
    return x_BCHW.contiguous(memory_format=torch.channels_last)


def _map(dtype: torch.dtype, *shape: int) -> Tensor:
    """An empty map with the channels last: no view, so that what follows may write into it."""
    return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)


def _mixed() -> torch.dtype:
    """What a convolution gives here: float32, or the numbers of a mixed precision."""
    mixed = torch.is_autocast_enabled("cpu")
    return torch.get_autocast_dtype("cpu") if mixed else torch.float32


def norm_act_applies(x_BCHW: Tensor, weight_C: Tensor) -> bool:
    """Whether `norm_act` can be used: a map that fits, with more than one value in a channel, and
    weights in float32, which those of a bfloat16 training are too."""
    fits = _plain(x_BCHW, also=torch.bfloat16) and _plain(weight_C)
    return fits and _last(x_BCHW) and x_BCHW.numel() > x_BCHW.shape[1]


def norm_act(
    x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor, eps: float, *, relu: bool, pool: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation by the statistics of this batch, then ReLU, then the 2x2 maximum.

    x is float32 or bfloat16, and so are the map and the gradient of x; the rest is float32.
    Returns the map (pooled to ceil(H / 2) x ceil(W / 2), an odd edge keeping its smaller windows),
    and mean_C and var_C of this batch, through which no gradient flows; var_C is the mean of
    squares, not the unbiased estimate. NaN and ties in a window are treated as torch does.
    Ioffe and Szegedy, Batch normalization, 2015.
    """
    y, mean, var = _NormAct.apply(  # type: ignore[no-untyped-call]
        x_BCHW, weight_C, bias_C, eps, relu, pool
    )
    return y, mean, var


class _NormAct(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, relu: bool, pool: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, channels, height, width = x.shape
        size = ((height + 1) // 2, (width + 1) // 2) if pool else (height, width)
        y = _map(x.dtype, batch, channels, *size)
        mean, var = torch.empty_like(bias), torch.empty_like(bias)
        torch.ops.latens.norm_act(x, weight, bias, eps, relu, pool, y, mean, var)
        ctx.save_for_backward(x, weight, bias, mean, var)
        ctx.how = eps, relu, pool
        ctx.mark_non_differentiable(mean, var)
        ctx.set_materialize_grads(False)
        return y, mean, var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        if dy is None:
            return (None,) * 6
        x, weight, bias, mean, var = ctx.saved_tensors
        dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        torch.ops.latens.norm_act_backward(
            _dense(dy), x, weight, bias, mean, var, *ctx.how, dx, dweight, dbias
        )
        return dx, dweight, dbias, None, None, None


def dropout_applies(x: Tensor) -> bool:
    """Whether `dropout` can be used: numbers without gaps between them."""
    return _plain(x, also=torch.bfloat16) and any(
        x.is_contiguous(memory_format=f) for f in _dense_in(x)
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


def squared_error_of_logits_applies(logits: Tensor, target: Tensor) -> bool:
    """Whether `squared_error_of_logits` can be used: of one shape and layout, the target fixed."""
    return (
        _plain(logits, target)
        and logits.shape == target.shape
        and not target.requires_grad
        and any(logits.is_contiguous(memory_format=f) for f in _formats(logits, target))
    )


def _formats(logits: Tensor, target: Tensor) -> list[torch.memory_format]:
    """The layouts in which the target is dense."""
    return [f for f in _dense_in(logits) if target.is_contiguous(memory_format=f)]


def squared_error_of_logits(logits: Tensor, target: Tensor) -> Tensor:
    """The sum of (sigmoid(logits) - target)^2, a scalar; its gradient is made on the way."""
    total: Tensor = _SquaredError.apply(logits, target)  # type: ignore[no-untyped-call]
    return total


class _SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor) -> Tensor:
        total, gradient = logits.new_empty(()), torch.empty_like(logits)
        torch.ops.latens.squared_error_of_logits(logits, target, total, gradient)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dtotal: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * dtotal, None


def _outcome(size: int, side: int, stride: int, padding: int) -> int:
    """The side of a convolution's output; below one if the kernel is larger than its input."""
    return (size + 2 * padding - side) // stride + 1


def thin_in_applies(
    x_BIHW: Tensor, weight_OIkk: Tensor, bias_O: Tensor | None, stride: int, padding: int
) -> bool:
    """Whether `thin_in` can be used and pays: one channel to a multiple of 16, k odd, at most 7.

    With two to `FEW` channels it computes the same as torch, in the same time or a little more.
    """
    many, few, side, other = weight_OIkk.shape
    return (
        _plain(x_BIHW, weight_OIkk, bias_O)
        and _mixed() in (torch.float32, torch.bfloat16)
        and x_BIHW.dim() == 4
        and x_BIHW.shape[1] == few == 1
        and many % LANES == 0
        and side == other
        and side in SIDES
        and min(_outcome(size, side, stride, padding) for size in x_BIHW.shape[2:]) > 0
    )


def thin_in(
    x_BIHW: Tensor, weight_OIkk: Tensor, bias_O: Tensor | None, stride: int, padding: int
) -> Tensor:
    """A first convolution: few channels to many. x may have any layout; y has channels last.

    x and the weights are float32; y is what convolutions give in the mixed precision of the moment.
    """
    y: Tensor = _ThinIn.apply(x_BIHW, weight_OIkk, bias_O, stride, padding)  # type: ignore[no-untyped-call]
    return y


class _ThinIn(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        x = _dense(x)
        sides = [_outcome(size, weight.shape[2], stride, padding) for size in x.shape[2:]]
        y = _map(_mixed(), x.shape[0], weight.shape[0], *sides)
        kernel_IkkO = weight.permute(1, 2, 3, 0).contiguous()
        begin_O = weight.new_zeros(weight.shape[0]) if bias is None else bias
        torch.ops.latens.thin_spread(x, kernel_IkkO, begin_O, stride, padding, y)
        ctx.save_for_backward(x, weight)
        ctx.how = stride, padding
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (stride, padding), dy = ctx.saved_tensors, ctx.how, _dense(dy)
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
        and min(_outcome(size, side, 1, padding) for size in x_BIHW.shape[2:]) > 0
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
        _plain(x_BIHW, also=torch.bfloat16)
        and _plain(weight, bias_O)
        and _last(x_BIHW)
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
        y = _map(torch.float32, x.shape[0], weight.shape[1], *sides)
        begin_O = weight.new_zeros(weight.shape[1]) if bias is None else bias
        border = (side - 1 - padding) // step
        torch.ops.latens.thin_dot(x, _blocks(weight, step), begin_O, step, border, y)
        ctx.save_for_backward(x, weight)
        ctx.how = step, padding
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (step, padding), dy = ctx.saved_tensors, ctx.how, _dense(dy)
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


def winograd_applies(x_BIHW: Tensor, weight_OI33: Tensor, bias_O: Tensor | None) -> bool:
    """Whether `winograd` can be used and pays: float32, channels last, I and O multiples of 16 and
    at least 32, sides of 4 or more, 1024 places or more, 64-byte vectors."""
    many_out, many_in, *sides = weight_OI33.shape
    batch, channels, height, width = x_BIHW.shape
    return (
        _plain(x_BIHW, weight_OI33, bias_O)
        and _mixed() == torch.float32
        and _last(x_BIHW)
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
        (x, weight), dy = ctx.saved_tensors, _dense(dy)
        dx = dweight = dbias = None
        if ctx.needs_input_grad[0]:
            dx = _convolved(dy, weight, None, turned=True)
        if ctx.needs_input_grad[1]:
            dkernel_33IO = weight.new_empty(weight.permute(2, 3, 1, 0).shape)
            torch.ops.latens.winograd_gradient(x, dy, dkernel_33IO)
            dweight = dkernel_33IO.permute(3, 2, 0, 1)
        if ctx.needs_input_grad[2]:
            dbias = dy.sum((0, 2, 3))
        return dx, dweight, dbias


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, *, turned: bool = False) -> Tensor:
    """Also with the kernel turned round and its channels changed over, for the gradient of x."""
    channels = weight.shape[1 if turned else 0]
    begin = weight.new_zeros(channels) if bias is None else bias
    y = _map(x.dtype, x.shape[0], channels, *x.shape[2:])
    torch.ops.latens.winograd(x, _dense(weight), turned, begin, y)
    return y
