"""The small modules that layers of a spelled-out network are made of, beside torch's own.

All read and give maps as `[B, C, H, W]`, whatever the order in the file that they came from.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latens.nn.chain.shapes import Shape
from latens.spec.layers import Function, Order, PermuteLayer, PoolLayer, RescaleLayer, UpSampleLayer

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


def _ordered(x: Tensor, order: Order) -> Tensor:
    """Maps `[B, C, H, W]` with the axes in the order of the file; rows as they are."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 and order == "last" else x
