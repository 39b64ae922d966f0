"""Optimisers by the names that specs use."""

from __future__ import annotations

from collections.abc import Callable

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
        parameters, phase.learning_rate, alpha=0.9, eps=1e-7, weight_decay=phase.weight_decay
    )


_BUILDERS: dict[str, Callable[[PhaseSpec, Parameters], torch.optim.Optimizer]] = {
    "adam": lambda s, p: torch.optim.Adam(
        p, s.learning_rate, betas=_BETAS, weight_decay=s.weight_decay, fused=True
    ),
    "adamw": lambda s, p: torch.optim.AdamW(
        p, s.learning_rate, betas=_BETAS, weight_decay=s.weight_decay, fused=True
    ),
    "muon": _muon,
    "rmsprop": _rmsprop,
    "sgd": lambda s, p: torch.optim.SGD(
        p, s.learning_rate, momentum=0.9, nesterov=True, weight_decay=s.weight_decay, fused=True
    ),
}
