"""Optimisers by the names that specs use, and penalties on the weights.

Weight decay and penalties are for kernels and matrices. Biases and the scales of batch
normalisation are few, and pulling them to 0 costs accuracy without making the network simpler.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from latens.spec import PhaseSpec
from latens.train.muon import Muon, split_parameters

Parameters = list[nn.Parameter]

# Betas of 0.9 and 0.99 forget faster than the usual 0.999; short one-cycle trainings like that.
_BETAS = (0.9, 0.99)


def build(phase: PhaseSpec, parameters: Parameters) -> torch.optim.Optimizer:
    """The optimiser of a phase over these parameters."""
    return _BUILDERS[phase.optimizer](phase, parameters)


def penalise(phase: PhaseSpec, parameters: Parameters) -> None:
    """Add to the gradients those of `l1` times sum |w| and of `l2` times sum w^2.

    The gradients are l1 sign(w) and 2 l2 w; the values of the sums are needed by nobody.
    """
    if not (phase.l1 or phase.l2):
        return
    pairs = [(p.detach(), p.grad) for p in parameters if p.ndim >= 2 and p.grad is not None]
    weights, grads = [weight for weight, _ in pairs], [grad for _, grad in pairs]
    if phase.l1 and weights:
        torch._foreach_add_(grads, torch._foreach_sign(weights), alpha=phase.l1)
    if phase.l2 and weights:
        torch._foreach_add_(grads, weights, alpha=2 * phase.l2)


def _groups(phase: PhaseSpec, parameters: Parameters) -> list[dict[str, Any]]:
    """Kernels and matrices with the phase's weight decay, vectors without."""
    if not phase.weight_decay:
        return [{"params": parameters}]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim >= 2]},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _muon(phase: PhaseSpec, parameters: Parameters) -> torch.optim.Optimizer:
    muon, adam = split_parameters(parameters)
    return Muon(
        muon,
        adam=adam,
        lr=phase.learning_rate,
        adam_ratio=0.25,
        weight_decay=phase.weight_decay,
    )


def _rmsprop(phase: PhaseSpec, parameters: Parameters) -> torch.optim.Optimizer:
    """With the decay and epsilon of Keras, which the reports used."""
    return torch.optim.RMSprop(
        _groups(phase, parameters),
        phase.learning_rate,
        alpha=0.9,
        eps=1e-7,
        weight_decay=phase.weight_decay,
    )


_BUILDERS: dict[str, Callable[[PhaseSpec, Parameters], torch.optim.Optimizer]] = {
    "adam": lambda s, p: torch.optim.Adam(
        _groups(s, p), s.learning_rate, betas=_BETAS, weight_decay=s.weight_decay, fused=True
    ),
    "adamw": lambda s, p: torch.optim.AdamW(
        _groups(s, p), s.learning_rate, betas=_BETAS, weight_decay=s.weight_decay, fused=True
    ),
    "muon": _muon,
    "rmsprop": _rmsprop,
    "sgd": lambda s, p: torch.optim.SGD(
        _groups(s, p), s.learning_rate, momentum=0.9, nesterov=True,
        weight_decay=s.weight_decay, fused=True,
    ),
}  # fmt: skip
