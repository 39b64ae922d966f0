"""Batch normalisation with the ReLU and the pooling after it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latens.kernels._maps import channels_last, dense, empty_map, plain


def norm_act_applies(x_BCHW: Tensor, weight_C: Tensor) -> bool:
    """Whether `norm_act` can be used: a map that fits, with more than one value in a channel, and
    weights in float32, which those of a bfloat16 training are too."""
    fits = plain(x_BCHW, also=torch.bfloat16) and plain(weight_C)
    return fits and channels_last(x_BCHW) and x_BCHW.numel() > x_BCHW.shape[1]


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


def norm_follow(
    mean_C: Tensor, var_C: Tensor, count: int, momentum: float,
    running_mean_C: Tensor, running_var_C: Tensor, batches: Tensor,
) -> None:  # fmt: skip
    """Let running statistics follow those of a batch of `count` values a channel, in place.

    `var_C` is the mean of squares, as `norm_act` gives it; the running variance follows the
    unbiased estimate, as that of `torch.nn.BatchNorm2d` does. `batches` is int64, the rest float32.
    """
    torch.ops.latens.norm_follow(
        mean_C, var_C, count, momentum, running_mean_C, running_var_C, batches
    )


def normalised(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float, relu: bool, pool: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """`norm_act` without its gradients."""
    batch, channels, height, width = x.shape
    size = ((height + 1) // 2, (width + 1) // 2) if pool else (height, width)
    y = empty_map(x.dtype, batch, channels, *size)
    mean, var = torch.empty_like(bias), torch.empty_like(bias)
    torch.ops.latens.norm_act(x, weight, bias, eps, relu, pool, y, mean, var)
    return y, mean, var


class _NormAct(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, relu: bool, pool: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        y, mean, var = normalised(x, weight, bias, eps, relu, pool)
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
            dense(dy), x, weight, bias, mean, var, *ctx.how, dx, dweight, dbias
        )
        return dx, dweight, dbias, None, None, None
