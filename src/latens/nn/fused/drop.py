"""Dropout, with the ReLU before it, in one native kernel.

torch's own draws a number for each place and multiplies by a mask: on wide maps that took longer
than the convolutions. The kernel leaves out other places than torch does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from latens.nn.fused import native
from latens.nn.fused._plain import plainly

SEEDS = 2**63 - 1


def join(
    layers: Sequence[nn.Module],
) -> tuple[int, Callable[[Sequence[nn.Module], Tensor], Tensor]] | None:
    """Takes a dropout, or a ReLU and the dropout after it."""
    relu = isinstance(layers[0], nn.ReLU)
    drops = len(layers) > relu and type(layers[relu]) is nn.Dropout
    return (1 + relu, _run) if drops else None


def _run(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    drop = layers[-1]
    assert isinstance(drop, nn.Dropout)
    ops = native.ops() if drop.training and 0 < drop.p < 1 else None
    if ops is None or not ops.dropout_applies(x):
        return plainly(layers, x)
    seed = int(torch.randint(SEEDS, ()))  # of the step, as torch's own draws
    dropped: Tensor = ops.dropout(x, drop.p, seed, relu=len(layers) > 1)
    return dropped
