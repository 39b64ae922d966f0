"""Our own networks as a chain of layers: module after module, with the shape that each is given.

A module that no layer stands for ends in a `UsageError` (``not-applicable``) with its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from latens.errors import UsageError
from latens.formats._chain import Array, of_module
from latens.nn import head, pooling, tied
from latens.nn import layers as small
from latens.nn.chain.shapes import Shape, step
from latens.nn.fused.sequence import Fused
from latens.nn.networks.residual import ResidualBlock
from latens.spec.layers import (
    ActivationLayer,
    BatchNormLayer,
    ConvLayer,
    ConvTransposeLayer,
    DenseLayer,
    DropoutLayer,
    EdgesLayer,
    FlattenLayer,
    GlobalPoolLayer,
    Layer,
    PoolLayer,
    ReshapeLayer,
    ResidualLayer,
    UpSampleLayer,
)

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu", nn.GELU: "gelu", nn.SiLU: "silu", nn.ELU: "elu", nn.Tanh: "tanh",
}  # fmt: skip


class Walk:
    """Goes over modules and keeps what it finds.

    Attributes:
        shape: what the layers so far give; one-dimensional maps are `(C, L, 1)`.
        layers, weights: what was found, as a `Chain` has them.
    """

    def __init__(self, part: str, shape: Shape) -> None:
        self.part, self.shape = part, shape
        self.layers: list[Layer] = []
        self.weights: dict[str, dict[str, Array]] = {}
        self._numbers: dict[str, int] = {}

    def over(self, module: nn.Module) -> None:
        """Add what a module does. Raises `UsageError` (``not-applicable``)."""
        if type(module) in _ACTIVATIONS:
            self.add(ActivationLayer, function=_ACTIVATIONS[type(module)])
            return
        walker = _WALKERS.get(type(module))
        if walker is None:
            raise UsageError(
                f"Expected a network of layers that the format has; {type(module).__name__} in "
                f"the {self.part} is not applicable: no layer stands for it.",
                hint="Export a run of another network, or add it to latens/formats/_modules.py.",
                code="not-applicable",
            )
        walker(self, module)

    def add(self, kind: type[Any], of: nn.Module | None = None, /, **values: Any) -> None:
        """Add a layer, with the weights of one of torch's own."""
        name = self.name(values.get("kind") or kind.model_fields["kind"].default)
        self.keep(kind(name=name, **values))
        if of is not None:
            self.weights[name] = of_module(of)

    def keep(self, layer: Layer) -> None:
        """Add a finished layer."""
        self.shape = step(layer, self.shape)
        self.layers.append(layer)

    def name(self, kind: str) -> str:
        """The next free name, such as "encoder_conv_2"."""
        kind = kind.replace("-", "_")
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{self.part}_{kind}_{self._numbers[kind]}"

    def inside(self) -> Walk:
        """A walk over the inner layers of a residual block; names go on."""
        inner = Walk(self.part, self.shape)
        inner.weights, inner._numbers = self.weights, self._numbers
        return inner

    def cut(self, near: tuple[int, int], size: tuple[int, ...]) -> None:
        """Crop to `size` from `near` on, where that takes anything away."""
        edges = tuple(
            (first, have - first - want)
            for first, have, want in zip(near, self.shape[1:], size, strict=True)
        )
        if any(map(any, edges)):
            self.add(EdgesLayer, kind="crop", edges=edges)


def _each(walk: Walk, module: nn.Module) -> None:
    for child in module.children():
        walk.over(child)


def _nothing(walk: Walk, module: nn.Module) -> None:
    pass


def _linear(walk: Walk, module: nn.Linear) -> None:
    walk.add(DenseLayer, module, units=module.out_features, bias=module.bias is not None)


def _conv2d(walk: Walk, module: nn.Conv2d) -> None:
    top, side = (int(n) for n in module.padding)
    if top or side:
        walk.add(EdgesLayer, kind="pad", edges=((top, top), (side, side)))
    walk.add(
        ConvLayer, module, filters=module.out_channels, kernel_size=module.kernel_size,
        strides=module.stride, dilation=module.dilation, groups=module.groups,
        bias=module.bias is not None,
    )  # fmt: skip


def _conv1d(walk: Walk, module: nn.Conv1d) -> None:
    walk.add(
        ConvLayer, filters=module.out_channels, kernel_size=(module.kernel_size[0], 1),
        strides=(module.stride[0], 1), bias=module.bias is not None,
    )  # fmt: skip
    wide = nn.Conv2d(1, 1, 1)
    wide.weight = nn.Parameter(module.weight.detach()[..., None])
    wide.bias = module.bias
    walk.weights[walk.layers[-1].name] = of_module(wide)


def _transpose(walk: Walk, module: nn.ConvTranspose2d) -> None:
    """A bare transpose; who pads cuts afterwards."""
    walk.add(
        ConvTransposeLayer, module, filters=module.out_channels, kernel_size=module.kernel_size,
        strides=module.stride, bias=module.bias is not None,
    )  # fmt: skip


def _transposed_to(walk: Walk, module: small.TransposedTo) -> None:
    _transpose(walk, module.conv)
    near = module.conv.padding
    walk.cut((int(near[0]), int(near[1])), module.size)


def _tied_conv(walk: Walk, module: tied.TiedConv) -> None:
    """The encoder's kernel, which is copied: the file does not know that they are the same."""
    conv = module._of[0]
    loose = nn.ConvTranspose2d(
        conv.out_channels, conv.in_channels, conv.kernel_size[0], conv.stride[0],
        bias=module.bias is not None,
    )  # fmt: skip
    loose.weight, loose.bias = conv.weight, module.bias
    near = (conv.kernel_size[0] - 1) // 2
    _transpose(walk, loose)
    walk.cut((near, near), module.size)


def _tied_linear(walk: Walk, module: tied.TiedLinear) -> None:
    of = module._of[0]
    loose = nn.Linear(of.out_features, of.in_features, bias=module.bias is not None)
    loose.weight = nn.Parameter(of.weight.detach().t())
    if module.bias is not None:
        loose.bias = module.bias
    _linear(walk, loose)


def _norm(walk: Walk, module: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    momentum = 0.1 if module.momentum is None else module.momentum
    walk.add(BatchNormLayer, module, epsilon=module.eps, momentum=momentum)


def _pool(walk: Walk, module: nn.MaxPool2d | nn.AvgPool2d | nn.MaxPool1d) -> None:
    """With `ceil_mode` the last window may stick out, which is what `same` means for these."""
    size, stride = (
        (n, 1) if isinstance(module, nn.MaxPool1d) else (n, n)
        for n in (module.kernel_size, module.stride)
    )
    if size != stride or module.padding != 0:
        raise _pooled(walk)
    how = "average" if isinstance(module, nn.AvgPool2d) else "max"
    padding = "same" if module.ceil_mode else "valid"
    walk.add(PoolLayer, how=how, pool_size=size, strides=stride, padding=padding)


def _pooled(walk: Walk) -> UsageError:
    return UsageError(
        f"Expected pooling whose windows do not overlap; that in the {walk.part} is not "
        "applicable.",
        hint="Export a run of another network.",
        code="not-applicable",
    )


def _resize(walk: Walk, module: small.ResizeNearest) -> None:
    """Whole factors, and what is too much cut off: sizes are 2n or 2n - 1."""
    size = (int(module.size[0]), int(module.size[1]))
    factors = tuple(-(-n // have) for n, have in zip(size, walk.shape[1:], strict=True))
    if factors != (1, 1):
        walk.add(UpSampleLayer, size=factors)
    walk.cut((0, 0), size)


def _pad_to(walk: Walk, module: small.PadTo) -> None:
    far = [-n % module.patch for n in walk.shape[1:]]
    if any(far):
        walk.add(EdgesLayer, kind="pad", edges=((0, far[0]), (0, far[1])))


def _pad(walk: Walk, module: nn.ZeroPad2d) -> None:
    left, right, top, bottom = module.padding
    walk.add(EdgesLayer, kind="pad", edges=((top, bottom), (left, right)))


def _pad1d(walk: Walk, module: nn.ZeroPad1d) -> None:
    walk.add(EdgesLayer, kind="pad", edges=(module.padding, (0, 0)))


def _flatten(walk: Walk, module: nn.Flatten) -> None:
    if len(walk.shape) > 1:
        walk.add(FlattenLayer, order="first")


def _unflatten(walk: Walk, module: nn.Unflatten) -> None:
    shape = tuple(int(n) for n in module.unflattened_size)
    walk.add(ReshapeLayer, shape=(*shape, 1) if len(shape) == 2 else shape, order="first")


def _dropout(walk: Walk, module: nn.Dropout) -> None:
    walk.add(DropoutLayer, rate=module.p)


def _residual(walk: Walk, module: ResidualBlock) -> None:
    inner = walk.inside()
    inner.over(module.change)
    walk.keep(ResidualLayer(name=walk.name("add"), layers=tuple(inner.layers)))


_WALKERS: dict[type[nn.Module], Callable[[Walk, Any], None]] = {
    nn.Sequential: _each,
    Fused: _each,
    head.Head: _each,
    nn.Identity: _nothing,
    nn.Linear: _linear,
    nn.Conv2d: _conv2d,
    nn.Conv1d: _conv1d,
    nn.ConvTranspose2d: _transpose,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    nn.MaxPool2d: _pool,
    nn.MaxPool1d: _pool,
    nn.AvgPool2d: _pool,
    nn.ZeroPad2d: _pad,
    nn.ZeroPad1d: _pad1d,
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    nn.Dropout: _dropout,
    small.ResizeNearest: _resize,
    small.TransposedTo: _transposed_to,
    small.PadTo: _pad_to,
    small.CropTo: lambda walk, module: walk.cut((0, 0), module.size),
    tied.TiedLinear: _tied_linear,
    tied.TiedConv: _tied_conv,
    pooling.MeanPool: lambda walk, _: walk.add(GlobalPoolLayer, how="average"),
    pooling.MeanMaxPool: lambda walk, _: walk.add(GlobalPoolLayer, how="mean-max"),
    ResidualBlock: _residual,
}
