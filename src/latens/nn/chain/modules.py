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
from latens.nn.chain.shapes import Shape, same_padding, step, transposed_size
from latens.nn.layers import named_stages
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
    Order,
    PermuteLayer,
    PoolLayer,
    RescaleLayer,
    ReshapeLayer,
    ResidualLayer,
    UpSampleLayer,
)

FUNCTIONS: dict[Function, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_sigmoid_tf": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "hard_silu": F.hardswish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "softmax": lambda x: torch.softmax(x, 1),
    "log_softmax": lambda x: torch.log_softmax(x, 1),
    "exponential": torch.exp,
}


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


class Elementwise(nn.Module):
    """A function by its name."""

    def __init__(self, name: Function, function: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.name = name
        self.function = function or FUNCTIONS[name]

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)

    def extra_repr(self) -> str:
        return self.name


class Crop(nn.Module):
    """Rows and columns taken away: near and far of the height, then of the width."""

    def __init__(self, edges: tuple[tuple[int, int], tuple[int, int]]) -> None:
        super().__init__()
        self.edges = edges

    def forward(self, x_BCHW: Tensor) -> Tensor:
        (top, bottom), (left, right) = self.edges
        height, width = x_BCHW.shape[2:]
        return x_BCHW[:, :, top : height - bottom, left : width - right]


class MeanInside(nn.Module):
    """Means of windows of which only what lies inside the map counts."""

    inverse_11hw: Tensor

    def __init__(self, layer: PoolLayer, pads: tuple[int, int, int, int], shape: Shape) -> None:
        super().__init__()
        self.layer, self.pads = layer, pads
        inside = F.avg_pool2d(F.pad(torch.ones(1, 1, *shape[1:]), pads), layer.pool_size,
                              layer.strides)  # fmt: skip
        self.register_buffer("inverse_11hw", 1 / inside, persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        padded = F.pad(x_BCHW, self.pads)
        return F.avg_pool2d(padded, self.layer.pool_size, self.layer.strides) * self.inverse_11hw


class GlobalPool(nn.Module):
    """Maps `[B, C, H, W]` to their means, maxima, or both, `[B, C]` or `[B, 2C]`."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.how == "average":
            return x_BCHW.mean((2, 3))
        if self.how == "max":
            return x_BCHW.amax((2, 3))
        return torch.cat([x_BCHW.mean((2, 3)), x_BCHW.amax((2, 3))], dim=1)


class UpSample(nn.Module):
    """Larger by whole factors."""

    def __init__(self, layer: UpSampleLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x_BCHW: Tensor) -> Tensor:
        factor = (float(self.layer.size[0]), float(self.layer.size[1]))
        if self.layer.interpolation == "nearest":
            return F.interpolate(x_BCHW, scale_factor=factor, mode="nearest")
        return F.interpolate(x_BCHW, scale_factor=factor, mode="bilinear", align_corners=False)


class Noise(nn.Module):
    """Gaussian noise in training, from torch's global generator."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x) if self.training else x


class Flatten(nn.Module):
    """Maps to rows of numbers, in the given order."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return _ordered(x, self.order).flatten(1)


class Reshape(nn.Module):
    """The same numbers in another shape, `(N,)` or `(C, H, W)`, in the given order."""

    def __init__(self, shape: Shape, order: Order) -> None:
        super().__init__()
        self.shape, self.order = shape, order

    def forward(self, x: Tensor) -> Tensor:
        shape, order = self.shape, self.order
        if len(shape) == 3 and order == "last":
            last = _ordered(x, order).reshape(-1, shape[1], shape[2], shape[0])
            return last.permute(0, 3, 1, 2)
        return _ordered(x, order).reshape(-1, *shape)


class Permute(nn.Module):
    """A map's axes in another order."""

    def __init__(self, layer: PermuteLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x_BCHW: Tensor) -> Tensor:
        axes = [0, *(axis + 1 for axis in self.layer.axes)]
        moved = _ordered(x_BCHW, self.layer.order).permute(axes)
        return moved.permute(0, 3, 1, 2) if self.layer.order == "last" else moved


class Rescale(nn.Module):
    """Every number times a scale plus an offset."""

    def __init__(self, layer: RescaleLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return x * self.layer.scale + self.layer.offset


class Residual(nn.Module):
    """What comes in, plus what the inner layers make of it."""

    def __init__(self, layer: ResidualLayer, shape: Shape) -> None:
        super().__init__()
        self.inner = chain(layer.layers, shape)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.inner(x)
        return x + changed


def _ordered(x: Tensor, order: Order) -> Tensor:
    """Maps `[B, C, H, W]` with the axes in the order of the file; rows as they are."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 and order == "last" else x


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
