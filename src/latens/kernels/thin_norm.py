"""A first convolution, with the batch normalisation, ReLU and pooling after it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latens.kernels._maps import dense, outcome, plain
from latens.kernels.norm_act import normalised
from latens.kernels.thin import spread, thin_in_applies


def thin_norm_applies(
    x_BIHW: Tensor, weight_OIkk: Tensor, stride: int, padding: int, scale_O: Tensor
) -> bool:
    """Whether `thin_norm` can be used: where `thin_in` can, for images that learn nothing, and
    more than one value in a channel."""
    if x_BIHW.requires_grad or not plain(scale_O):
        return False
    if not thin_in_applies(x_BIHW, weight_OIkk, None, stride, padding):
        return False
    batch, side = x_BIHW.shape[0], weight_OIkk.shape[2]
    height, width = (outcome(size, side, stride, padding) for size in x_BIHW.shape[2:])
    return batch * height * width > 1


def thin_norm(
    x_BIHW: Tensor, weight_OIkk: Tensor, stride: int, padding: int,
    scale_O: Tensor, shift_O: Tensor, eps: float, *, relu: bool, pool: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """`thin_in` without a bias and then `norm_act`: the same bits, but the gradient of the map
    between them is never written to memory.

    Returns what `norm_act` returns.
    """
    y, mean, var = _ThinNorm.apply(  # type: ignore[no-untyped-call]
        x_BIHW, weight_OIkk, stride, padding, scale_O, shift_O, eps, relu, pool
    )
    return y, mean, var


class _ThinNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, stride: int, padding: int,
        weight: Tensor, bias: Tensor, eps: float, relu: bool, pool: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        x = dense(x)
        wide = spread(x, kernel, None, stride, padding)
        y, mean, var = normalised(wide, weight, bias, eps, relu, pool)
        ctx.save_for_backward(x, kernel, wide, weight, bias, mean, var)
        ctx.how = eps, relu, pool, stride, padding
        ctx.mark_non_differentiable(mean, var)
        ctx.set_materialize_grads(False)
        return y, mean, var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        if dy is None:
            return (None,) * 9
        x, kernel, wide, weight, bias, mean, var = ctx.saved_tensors
        dkernel_IkkO = kernel.new_empty(kernel.permute(1, 2, 3, 0).shape)
        dweight, dbias = torch.empty_like(weight), torch.empty_like(bias)
        torch.ops.latens.thin_norm_backward(
            dense(dy), x, wide, weight, bias, mean, var, *ctx.how, dkernel_IkkO, dweight, dbias
        )
        return None, dkernel_IkkO.permute(3, 0, 1, 2), None, None, dweight, dbias, None, None, None
