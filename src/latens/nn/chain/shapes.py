"""What shape each layer gives, worked out before anything is built.

Shapes are `(C, H, W)` of maps and `(N,)` of rows of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from latens.errors import UsageError
from latens.spec.layers import (
    ConvLayer,
    ConvTransposeLayer,
    DenseLayer,
    EdgesLayer,
    FlattenLayer,
    GlobalPoolLayer,
    Layer,
    PermuteLayer,
    PoolLayer,
    ReshapeLayer,
    ResidualLayer,
    UpSampleLayer,
)

Shape = tuple[int, ...]
LARGEST = 1 << 28  # numbers in one tensor of one image, or in one layer's weights: 1 GB


def after(layers: Iterable[Layer], shape: Shape) -> Shape:
    """The shape that a chain gives of one shape. Raises `UsageError` where a layer does not fit."""
    for layer in layers:
        shape = step(layer, shape)
    return shape


def step(layer: Layer, shape: Shape) -> Shape:
    """The shape that one layer gives.

    Raises `UsageError` (``layer-does-not-fit``, ``too-small``, ``too-large``).
    """
    shaped = _STEPS.get(type(layer), _same)(layer, shape)
    if min(shaped) < 1:
        raise UsageError(
            f"Expected maps of at least one pixel; after the layer {layer.name} they would have "
            f"{in_words(shaped)}.",
            hint="Use larger images, or fewer layers that shrink them.",
            code="too-small",
        )
    if max(math.prod(shaped), weights(layer, shape)) > LARGEST:
        raise UsageError(
            f"Expected layers of at most {LARGEST:,} numbers; {layer.name} would have more.",
            hint="No model for images of a usual size needs such a layer: is the file whole?",
            code="too-large",
        )
    return shaped


def weights(layer: Layer, shape: Shape) -> int:
    """About how many weights a layer has that reads this shape."""
    if isinstance(layer, DenseLayer):
        return shape[0] * layer.units
    if isinstance(layer, ConvLayer | ConvTransposeLayer):
        return shape[0] * layer.filters * math.prod(layer.kernel_size)
    return 0


def in_words(shape: Shape) -> str:
    """A shape for people: 784 numbers, 32x14x14 (channels first)."""
    if len(shape) == 1:
        return f"{shape[0]} number{'' if shape[0] == 1 else 's'}"
    return f"{shape[1]}x{shape[2]} with {shape[0]} channel{'' if shape[0] == 1 else 's'}"


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Near and far padding of TensorFlow's `same`."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def transposed_size(layer: ConvTransposeLayer, size: int, axis: int) -> tuple[int, int, int]:
    """Along an axis: the output's size, that of the bare transpose, and what is cut off near."""
    kernel = (layer.kernel_size[axis] - 1) * layer.dilation[axis] + 1
    stride, extra = layer.strides[axis], layer.output_padding and layer.output_padding[axis]
    full = (size - 1) * stride + kernel
    if layer.padding == "valid":
        out = full + (max(kernel, stride) - kernel if extra is None else extra)
    else:
        out = size * stride if extra is None else (size - 1) * stride + kernel % 2 + extra
    near = max(full - out, 0) // 2 if layer.padding == "same" else 0
    return out, full, near


def _same(layer: Layer, shape: Shape) -> Shape:
    return shape


def _residual(layer: ResidualLayer, shape: Shape) -> Shape:
    inner = after(layer.layers, shape)
    if inner != shape:
        raise _unfit(layer, f"layers that keep {in_words(shape)}", inner)
    return shape


def _dense(layer: DenseLayer, shape: Shape) -> Shape:
    if len(shape) != 1:
        raise _unfit(layer, "a row of numbers", shape)
    return (layer.units,)


def _maps(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise _unfit(layer, "maps of height and width", shape)
    return shape[0], shape[1], shape[2]


def _conv(layer: ConvLayer, shape: Shape) -> Shape:
    channels, *size = _maps(layer, shape)
    if channels % layer.groups or layer.filters % layer.groups:
        raise _unfit(layer, f"channels that {layer.groups} groups can share", shape)
    return (layer.filters, *(_window(layer, n, axis) for axis, n in enumerate(size)))


def _window(layer: ConvLayer | PoolLayer, size: int, axis: int) -> int:
    stride = layer.strides[axis]
    if layer.padding == "same":
        return -(-size // stride)
    if isinstance(layer, PoolLayer):
        return (size - layer.pool_size[axis]) // stride + 1
    return (size - (layer.kernel_size[axis] - 1) * layer.dilation[axis] - 1) // stride + 1


def _transpose(layer: ConvTransposeLayer, shape: Shape) -> Shape:
    _, *size = _maps(layer, shape)
    return (layer.filters, *(transposed_size(layer, n, axis)[0] for axis, n in enumerate(size)))


def _pool(layer: PoolLayer, shape: Shape) -> Shape:
    channels, *size = _maps(layer, shape)
    return (channels, *(_window(layer, n, axis) for axis, n in enumerate(size)))


def _global(layer: GlobalPoolLayer, shape: Shape) -> Shape:
    channels = _maps(layer, shape)[0]
    return (2 * channels if layer.how == "mean-max" else channels,)


def _up(layer: UpSampleLayer, shape: Shape) -> Shape:
    channels, *size = _maps(layer, shape)
    return (channels, *(n * factor for n, factor in zip(size, layer.size, strict=True)))


def _edges(layer: EdgesLayer, shape: Shape) -> Shape:
    channels, *size = _maps(layer, shape)
    sign = 1 if layer.kind == "pad" else -1
    return (channels, *(n + sign * sum(e) for n, e in zip(size, layer.edges, strict=True)))


def _flatten(layer: FlattenLayer, shape: Shape) -> Shape:
    return (math.prod(shape),)


def _reshape(layer: ReshapeLayer, shape: Shape) -> Shape:
    if math.prod(layer.shape) != math.prod(shape):
        raise _unfit(layer, f"as many numbers as {in_words(layer.shape)}", shape)
    return layer.shape


def _permute(layer: PermuteLayer, shape: Shape) -> Shape:
    maps = _maps(layer, shape)
    if layer.order == "first":
        return tuple(maps[axis] for axis in layer.axes)
    last = (maps[1], maps[2], maps[0])
    height, width, channels = (last[axis] for axis in layer.axes)
    return channels, height, width


_STEPS: dict[type[Any], Callable[[Any, Shape], Shape]] = {
    DenseLayer: _dense, ConvLayer: _conv, ConvTransposeLayer: _transpose, PoolLayer: _pool,
    GlobalPoolLayer: _global, UpSampleLayer: _up, EdgesLayer: _edges, FlattenLayer: _flatten,
    ReshapeLayer: _reshape, PermuteLayer: _permute, ResidualLayer: _residual,
}  # fmt: skip


def _unfit(layer: Layer, wanted: str, shape: Shape) -> UsageError:
    return UsageError(
        f"Expected {wanted} for the layer {layer.name}; got {in_words(shape)}.",
        hint="The layers before it give another shape than it can read.",
        code="layer-does-not-fit",
    )
