"""Convolutions from or to few channels: the first of an encoder, the last of a decoder, on CPU.

oneDNN's convolutions work on blocks of channels, most of which are empty here. The native kernels
work along the many channels on the other side. Without them the last convolution is written as the
transposed one that does the same, whose blocks are those of its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from latens.kernels._maps import FEW
from latens.nn.fused import native, norm
from latens.nn.fused._plain import plain_conv, plainly


def join(
    layers: Sequence[nn.Module],
) -> tuple[int, Callable[[Sequence[nn.Module], Tensor], Tensor]] | None:
    """Takes an odd convolution from or to at most `FEW` channels; that to few with stride 1."""
    layer = layers[0]
    if not isinstance(layer, nn.Conv2d):
        return None
    size, stride = layer.kernel_size[0], layer.stride[0]
    odd = size % 2 == 1 and plain_conv(layer, kernel=size, padding=size // 2, stride=stride)
    if not odd or min(layer.in_channels, layer.out_channels) > FEW:
        return None
    if layer.in_channels > FEW:
        return (1, _to_few) if stride == 1 else None
    if layer.out_channels <= FEW:
        return None
    after = norm.join(layers[1:]) if len(layers) > 1 and layer.bias is None else None
    return (1 + after[0], _from_few_to_norm) if after else (1, _from_few)


def _from_few(layers: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    conv, ops = layers[0], native.ops()
    assert isinstance(conv, nn.Conv2d)
    how = conv.stride[0], conv.kernel_size[0] // 2
    if ops is None or not ops.thin_in_applies(x_BCHW, conv.weight, conv.bias, *how):
        return plainly(layers, x_BCHW)
    y_BFHW: Tensor = ops.thin_in(x_BCHW, conv.weight, conv.bias, *how)
    return y_BFHW


def _from_few_to_norm(layers: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    """With the batch normalisation after it, and what that takes together with itself."""
    conv, bn = layers[:2]
    assert isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d)
    how = conv.stride[0], conv.kernel_size[0] // 2
    ops = native.ops() if bn.training and bn.affine else None
    if ops is None or not ops.thin_norm_applies(x_BCHW, conv.weight, *how, bn.weight):
        return norm.run(layers[1:], _from_few(layers[:1], x_BCHW))
    relu, pool = len(layers) > 2, len(layers) > 3
    y_BFHW: Tensor
    y_BFHW, mean_F, var_F = ops.thin_norm(
        x_BCHW, conv.weight, *how, bn.weight, bn.bias, bn.eps, relu=relu, pool=pool
    )
    rows, columns = (-(-size // conv.stride[0]) for size in x_BCHW.shape[2:])
    norm.follow(bn, mean_F, var_F, len(x_BCHW) * rows * columns)
    return y_BFHW


def _to_few(layers: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    conv, ops = layers[0], native.ops()
    assert isinstance(conv, nn.Conv2d)
    padding = conv.kernel_size[0] // 2
    if ops is not None and ops.thin_out_applies(x_BCHW, conv.weight, conv.bias, padding):
        y_BFHW: Tensor = ops.thin_out(x_BCHW, conv.weight, conv.bias, padding)
        return y_BFHW
    if x_BCHW.device.type != "cpu":
        return plainly(layers, x_BCHW)
    turned = conv.weight.flip(2, 3).transpose(0, 1)
    return F.conv_transpose2d(x_BCHW, turned, conv.bias, padding=padding)
