"""A torch module for each layer of a spelled-out network.

All read and give maps as `[B, C, H, W]`, whatever the order in the file that they came from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latens.errors import UsageError
from latens.nn.chain.parts import (
    Crop,
    Elementwise,
    Flatten,
    GlobalPool,
    MeanInside,
    Noise,
    Permute,
    Rescale,
    Reshape,
    UpSample,
)
from latens.nn.chain.shapes import Shape, same_padding, step, transposed_size
from latens.nn.fused.sequence import named_stages
from latens.spec.layers import (
    ActivationLayer,
    BatchNormLayer,
    ConvLayer,
    ConvTransposeLayer,
    DenseLayer,
    DropoutLayer,
    EdgesLayer,
    FlattenLayer,
    Function,
    GlobalPoolLayer,
    Layer,
    NoiseLayer,
    PermuteLayer,
    PoolLayer,
    RescaleLayer,
    ReshapeLayer,
    ResidualLayer,
    UpSampleLayer,
)


def module(layer: Layer, shape: Shape) -> nn.Module:
    """The module of a layer that reads `shape`, freshly initialised.

    The one part of it that has weights is a `Linear`, `Conv2d`, `ConvTranspose2d` or
    `BatchNorm` of torch's own; a residual layer has its inner layers by name.
    """
    parts = _MAKERS[type(layer)](layer, shape)
    function: Function = getattr(layer, "activation", "linear")
    if function != "linear":
        parts.append(Elementwise(function))
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


def chain(layers: Sequence[Layer], shape: Shape) -> nn.Sequential:
    """Layers in a row, each by its name. Raises `UsageError` for a name that torch needs itself."""
    stages: dict[str, list[nn.Module]] = {}
    for layer in layers:
        if hasattr(nn.Sequential, layer.name) or layer.name == "training":
            raise _taken(layer.name)
        stages[layer.name] = [module(layer, shape)]
        shape = step(layer, shape)
    return named_stages(stages)


class Residual(nn.Module):
    """What comes in, plus what the inner layers make of it."""

    def __init__(self, layer: ResidualLayer, shape: Shape) -> None:
        super().__init__()
        self.inner = chain(layer.layers, shape)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.inner(x)
        return x + changed


def _dense(layer: DenseLayer, shape: Shape) -> list[nn.Module]:
    return [nn.Linear(shape[0], layer.units, bias=layer.bias)]


def _conv(layer: ConvLayer, shape: Shape) -> list[nn.Module]:
    tops, sides = (0, 0), (0, 0)
    if layer.padding == "same":
        tops, sides = (
            same_padding(n, layer.kernel_size[i], layer.strides[i], layer.dilation[i])
            for i, n in enumerate(shape[1:])
        )
    even = tops[0] == tops[1] and sides[0] == sides[1]
    conv = nn.Conv2d(
        shape[0], layer.filters, layer.kernel_size, layer.strides,
        padding=(tops[0], sides[0]) if even else 0, dilation=layer.dilation,
        groups=layer.groups, bias=layer.bias,
    )  # fmt: skip
    return [conv] if even else [nn.ZeroPad2d((*sides, *tops)), conv]


def _transpose(layer: ConvTransposeLayer, shape: Shape) -> list[nn.Module]:
    """The whole transpose, perhaps with more rows at its far sides, then a crop."""
    along = [transposed_size(layer, n, axis) for axis, n in enumerate(shape[1:])]
    more = [max(0, near + out - full) for out, full, near in along]
    conv = nn.ConvTranspose2d(
        shape[0], layer.filters, layer.kernel_size, layer.strides,
        output_padding=(more[0], more[1]), dilation=layer.dilation, bias=layer.bias,
    )  # fmt: skip
    cuts = [(near, full + m - near - out) for (out, full, near), m in zip(along, more, strict=True)]
    return [conv, Crop((cuts[0], cuts[1]))] if any(map(any, cuts)) else [conv]


def _norm(layer: BatchNormLayer, shape: Shape) -> list[nn.Module]:
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return [kind(shape[0], eps=layer.epsilon, momentum=layer.momentum)]


def _pool(layer: PoolLayer, shape: Shape) -> list[nn.Module]:
    pads = (0, 0, 0, 0)
    if layer.padding == "same":
        tops, sides = (
            same_padding(n, layer.pool_size[i], layer.strides[i]) for i, n in enumerate(shape[1:])
        )
        pads = (*sides, *tops)
    if layer.how == "average":
        plain = nn.AvgPool2d(layer.pool_size, layer.strides)
        return [MeanInside(layer, pads, shape)] if any(pads) else [plain]
    pool = nn.MaxPool2d(layer.pool_size, layer.strides)
    return [nn.ConstantPad2d(pads, -math.inf), pool] if any(pads) else [pool]


def _edges(layer: EdgesLayer, shape: Shape) -> list[nn.Module]:
    tops, sides = layer.edges
    return [nn.ZeroPad2d((*sides, *tops)) if layer.kind == "pad" else Crop(layer.edges)]


def _dropout(layer: DropoutLayer, shape: Shape) -> list[nn.Module]:
    whole = layer.channels and len(shape) == 3
    return [nn.Dropout2d(layer.rate) if whole else nn.Dropout(layer.rate)]


def _activation(layer: ActivationLayer, shape: Shape) -> list[nn.Module]:
    if layer.function == "linear":
        return [nn.Identity()]
    return [Elementwise(layer.function, _with_numbers(layer))]


def _with_numbers(layer: ActivationLayer) -> Callable[[Tensor], Tensor] | None:
    """The function where the layer says more than its name."""
    slope, threshold = layer.slope, layer.threshold
    ceiling = math.inf if layer.ceiling is None else layer.ceiling
    if layer.function == "leaky_relu" and slope is not None:
        return lambda x: torch.where(x >= 0, x, slope * x)
    if layer.function == "elu" and slope is not None:
        return lambda x: F.elu(x, slope)
    if layer.function == "relu" and (slope or layer.ceiling is not None or threshold):
        return lambda x: torch.where(
            x >= threshold, x.clamp(max=ceiling), (slope or 0.0) * (x - threshold)
        )
    return None


def _taken(name: str) -> UsageError:
    return UsageError(
        f"Expected names of layers that PyTorch leaves free; got {name!r}.",
        hint=f"Call it {name}_layer.",
        code="layer-name",
    )


_MAKERS: dict[type[Any], Callable[[Any, Shape], list[nn.Module]]] = {
    DenseLayer: _dense,
    ConvLayer: _conv,
    ConvTransposeLayer: _transpose,
    BatchNormLayer: _norm,
    PoolLayer: _pool,
    GlobalPoolLayer: lambda layer, _: [GlobalPool(layer.how)],
    UpSampleLayer: lambda layer, _: [UpSample(layer)],
    EdgesLayer: _edges,
    DropoutLayer: _dropout,
    NoiseLayer: lambda layer, _: [Noise(layer.std)],
    FlattenLayer: lambda layer, _: [Flatten(layer.order)],
    ReshapeLayer: lambda layer, _: [Reshape(layer.shape, layer.order)],
    PermuteLayer: lambda layer, _: [Permute(layer)],
    ActivationLayer: _activation,
    RescaleLayer: lambda layer, _: [Rescale(layer)],
    ResidualLayer: lambda layer, shape: [Residual(layer, shape)],
}
