"""3x3 convolutions of many channels with fewer multiplications, on CPU, in float32.

For bfloat16 processors have instructions that are worth more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from latens.nn.fused import native
from latens.nn.fused._plain import plain_conv, plainly


def join(
    layers: Sequence[nn.Module],
) -> tuple[int, Callable[[Sequence[nn.Module], Tensor], Tensor]] | None:
    """Takes a 3x3 convolution of stride 1 and padding 1."""
    return (1, _run) if plain_conv(layers[0], kernel=3, padding=1) else None


def _run(layers: Sequence[nn.Module], x_BIHW: Tensor) -> Tensor:
    conv, ops = layers[0], native.ops()
    assert isinstance(conv, nn.Conv2d)
    if ops is None or not ops.winograd_applies(x_BIHW, conv.weight, conv.bias):
        return plainly(layers, x_BIHW)
    y_BOHW: Tensor = ops.winograd(x_BIHW, conv.weight, conv.bias)
    return y_BOHW
