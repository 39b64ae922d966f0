"""The kernels as differentiable functions. Call one only where its `_applies` says yes.

Letters: B images, C channels, H rows, W columns; of a convolution I and O channels, kernel side k.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latens import kernels


def _fits(x_BCHW: Tensor) -> bool:
    """Whether the kernels are there for such a map: on CPU, float32, dense, channels last."""
    return (
        x_BCHW.device.type == "cpu"
        and x_BCHW.dtype == torch.float32
        and x_BCHW.dim() == 4
        and x_BCHW.numel() > 0
        and x_BCHW.is_contiguous(memory_format=torch.channels_last)
        and kernels.ready()
    )


def _dense(x_BCHW: Tensor) -> Tensor:
    return x_BCHW.contiguous(memory_format=torch.channels_last)


def _map(like: Tensor, *shape: int) -> Tensor:
    """An empty map, channels last."""
    return like.new_empty((shape[0], *shape[2:], shape[1])).permute(0, 3, 1, 2)


def norm_act_applies(x_BCHW: Tensor) -> bool:
    """Whether `norm_act` can be used: a map that fits, with more than one value in a channel."""
    return _fits(x_BCHW) and x_BCHW.numel() > x_BCHW.shape[1]


def norm_act(
    x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor, eps: float, *, relu: bool, pool: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation by the statistics of this batch, then ReLU, then the 2x2 maximum.

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
        y, mean, var = _map(x, batch, channels, *size), x.new_empty(channels), x.new_empty(channels)
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
