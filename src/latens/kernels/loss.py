"""The squared error of logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latens.kernels._maps import layouts, plain


def squared_error_of_logits_applies(logits: Tensor, target: Tensor) -> bool:
    """Whether `squared_error_of_logits` can be used: of one shape and layout, the target fixed."""
    return (
        plain(logits, target)
        and logits.shape == target.shape
        and not target.requires_grad
        and any(logits.is_contiguous(memory_format=f) for f in _formats(logits, target))
    )


def _formats(logits: Tensor, target: Tensor) -> list[torch.memory_format]:
    """The layouts in which the target is dense."""
    return [f for f in layouts(logits) if target.is_contiguous(memory_format=f)]


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
