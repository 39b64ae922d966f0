"""Convolutions whose stride is their kernel: each patch is met once, so it is a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from latens.nn.fused._plain import plain_conv, plainly


def join(
    layers: Sequence[nn.Module],
) -> tuple[int, Callable[[Sequence[nn.Module], Tensor], Tensor]] | None:
    """Takes a projection of patches, or its way back to pixels."""
    layer = layers[0]
    if isinstance(layer, nn.ConvTranspose2d):
        return (1, _back) if _projects_back(layer) else None
    size = layer.kernel_size[0] if isinstance(layer, nn.Conv2d) else 0
    return (
        (1, _project)
        if size > 1 and plain_conv(layer, kernel=size, padding=0, stride=size)
        else None
    )


def _projects_back(layer: nn.ConvTranspose2d) -> bool:
    plain = layer.padding == layer.output_padding == (0, 0) and layer.dilation == (1, 1)
    square = layer.kernel_size == layer.stride and layer.kernel_size[0] == layer.kernel_size[1]
    return plain and square and layer.groups == 1 and layer.kernel_size[0] > 1


def _project(layers: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    conv = layers[0]
    assert isinstance(conv, nn.Conv2d)
    patch = conv.kernel_size[0]
    batch, channels, height, width = x_BCHW.shape
    if height % patch or width % patch:
        return plainly(layers, x_BCHW)
    rows, columns = height // patch, width // patch
    x = x_BCHW.reshape(batch, channels, rows, patch, columns, patch)
    patches_BhwD = x.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows, columns, -1)
    return F.linear(patches_BhwD, conv.weight.flatten(1), conv.bias).permute(0, 3, 1, 2)


def _back(layers: Sequence[nn.Module], x_BFhw: Tensor) -> Tensor:
    conv = layers[0]
    assert isinstance(conv, nn.ConvTranspose2d)
    patch, channels = conv.kernel_size[0], conv.out_channels
    batch, _, rows, columns = x_BFhw.shape
    patches = F.linear(x_BFhw.permute(0, 2, 3, 1), conv.weight.flatten(1).t())
    x = patches.view(batch, rows, columns, channels, patch, patch).permute(0, 3, 1, 4, 2, 5)
    x_BCHW = x.reshape(batch, channels, rows * patch, columns * patch)
    return x_BCHW if conv.bias is None else x_BCHW + conv.bias.view(-1, 1, 1)
