"""Muon: momentum whose update of each weight matrix is made orthogonal.

After Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks": a quintic
Newton-Schulz iteration brings all singular values of the momentum near 1. A convolution's kernel
counts as a matrix `[out, in * height * width]`. torch's own Muon takes matrices alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Muon for parameters of two or more dimensions, Adam for the others.

    Args:
        parameters: those to train; the first and last layers' ought to be in `adam`.
        lr: of the orthogonal updates, whose root mean square is 1 over the shorter side.
        adam: parameters that Adam trains instead, at `adam_ratio` times the rate.
        weight_decay: each update also shrinks a kernel or matrix by this times its rate, as AdamW
            does. Vectors (biases, scales of batch normalisation) are left as they are.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float,
        adam: Iterable[nn.Parameter] = (),
        adam_ratio: float = 1.0,
        momentum: float = 0.975,
        weight_decay: float = 0.0,
    ) -> None:
        adam = list(adam)
        groups: list[dict[str, Any]] = [
            {"params": list(parameters), "adam": False},
            {"params": [p for p in adam if p.ndim >= 2], "adam": True},
            {"params": [p for p in adam if p.ndim < 2], "adam": True, "weight_decay": 0.0},
        ]
        groups = [g for g in groups if g["params"]]
        common = {"momentum": momentum, "adam_ratio": adam_ratio, "weight_decay": weight_decay}
        super().__init__(groups, {"lr": lr, **common})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            update = _adam if group["adam"] else _muon
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _decay(parameter, group)
                    update(parameter, parameter.grad, self.state[parameter], group)


def split_parameters(
    parameters: list[nn.Parameter],
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Those for Muon (wide matrices and kernels) and those for Adam (vectors, thin layers)."""
    wide = [p.ndim >= 2 and min(p.shape[0], p.numel() // p.shape[0]) >= 16 for p in parameters]
    muon = [p for p, is_wide in zip(parameters, wide, strict=True) if is_wide]
    return muon, [p for p, is_wide in zip(parameters, wide, strict=True) if not is_wide]


def _decay(parameter: Tensor, group: dict[str, Any]) -> None:
    """Decoupled weight decay (Loshchilov and Hutter 2019)."""
    if group["weight_decay"]:
        rate = group["lr"] * (group["adam_ratio"] if group["adam"] else 1.0)
        parameter.mul_(1 - rate * group["weight_decay"])


def _muon(parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    if not state:
        state["momentum"] = torch.zeros_like(parameter)
    momentum: Tensor = state["momentum"]
    momentum.mul_(group["momentum"]).add_(grad)
    nesterov = grad.add(momentum, alpha=group["momentum"])
    # Which column is which does not matter: a kernel is read as it lies in memory (channels-last).
    nesterov = nesterov.movedim(1, -1)
    update = orthogonalised(nesterov.flatten(1)).reshape(nesterov.shape)
    parameter.add_(update.movedim(-1, 1), alpha=-group["lr"])


def _adam(parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Adam with bias correction (Kingma and Ba 2015), betas 0.9 and 0.99."""
    if not state:
        state["step"] = torch.zeros(())
        state["mean"] = torch.zeros_like(parameter)
        state["square"] = torch.zeros_like(parameter)
    state["step"] += 1
    step = float(state["step"])
    state["mean"].lerp_(grad, 0.1)
    state["square"].mul_(0.99).addcmul_(grad, grad, value=0.01)
    scale = (state["square"] / (1 - 0.99**step)).sqrt_().add_(1e-8)
    rate = group["lr"] * group["adam_ratio"] / (1 - 0.9**step)
    parameter.addcdiv_(state["mean"], scale, value=-rate)


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """A matrix with the same singular vectors and all singular values near 1 (0.7 to 1.2).

    A step is x <- p(x x^T) x with p(g) = a + b g + c g^2. The factors are multiplied first, for
    which the small square matrix g = x x^T is enough: it becomes p(g) g p(g). A kernel is many
    times as long as it is wide, so that this takes two fifths of the multiplications.
    """
    a, b, c = _NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    gram, factors = x @ x.T, torch.eye(len(x), dtype=x.dtype, device=x.device)
    for step in range(steps):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        factors = factor @ factors
        if step + 1 < steps:
            gram = factor @ gram @ factor
    orthogonal: Tensor = factors @ x
    return orthogonal.T if tall else orthogonal
