"""What the rewrites ask about layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def plainly(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    """One layer after the other, as they are written."""
    for layer in layers:
        x = layer(x)
    return x


def plain_conv(layer: nn.Module, *, kernel: int, padding: int, stride: int = 1) -> bool:
    """Whether it is torch's own convolution of these sizes, without groups or dilation."""
    return (
        type(layer) is nn.Conv2d
        and layer.kernel_size == (kernel, kernel)
        and layer.padding == (padding, padding)
        and layer.stride == (stride, stride)
        and layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
    )
