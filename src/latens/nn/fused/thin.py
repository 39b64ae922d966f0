"""A convolution to few channels, as the last one of a decoder, on CPU.

oneDNN's convolutions work on blocks of output channels, most of which are empty here. Written as
the transposed convolution that does the same, the blocks are those of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from latens.nn.fused._plain import plain_conv, plainly

FEW = 4


def join(
    layers: Sequence[nn.Module],
) -> tuple[int, Callable[[Sequence[nn.Module], Tensor], Tensor]] | None:
    """Takes an odd convolution to at most `FEW` channels."""
    layer = layers[0]
    if not isinstance(layer, nn.Conv2d) or layer.out_channels > FEW:
        return None
    size = layer.kernel_size[0]
    odd = size % 2 == 1 and plain_conv(layer, kernel=size, padding=size // 2)
    return (1, _run) if odd and layer.in_channels > FEW else None


def _run(layers: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    conv = layers[0]
    assert isinstance(conv, nn.Conv2d)
    if x_BCHW.device.type != "cpu":
        return plainly(layers, x_BCHW)
    turned = conv.weight.flip(2, 3).transpose(0, 1)
    return F.conv_transpose2d(x_BCHW, turned, conv.bias, padding=conv.kernel_size[0] // 2)
