"""A network spelled out layer by layer, as files of other libraries describe theirs.

Each layer has a name of its own, which is also its stage's. Shapes of images and maps are
`(C, H, W)`. `same` padding is TensorFlow's: the output has ceil(size / stride) rows, and an odd
row of padding goes to the far side. `order` says in which order a map's numbers are laid out where
they become a row of numbers or come from one: "last" is height, width, channels; "first" is
channels, height, width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from latens.spec._base import Fraction, Rate, Spec, Weight

Name: TypeAlias = Annotated[str, Field(pattern=r"^\w[\w\-]*$", max_length=200)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=1 << 20)]
Pair: TypeAlias = tuple[Count, Count]
Padding: TypeAlias = Literal["valid", "same"]
Order: TypeAlias = Literal["last", "first"]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Edge: TypeAlias = Annotated[int, Field(ge=0, le=1 << 16)]
Edges: TypeAlias = tuple[tuple[Edge, Edge], tuple[Edge, Edge]]
Function: TypeAlias = Literal[
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish",
    "tanh", "sigmoid", "log_sigmoid", "hard_sigmoid", "hard_sigmoid_tf", "hard_silu", "softplus",
    "softsign", "softmax", "log_softmax", "exponential",
]  # fmt: skip
"""`hard_sigmoid_tf` is clip(0.2 x + 0.5), `hard_sigmoid` is clip(x / 6 + 0.5)."""


class _Layer(Spec):
    """What every layer has."""

    name: Name


class DenseLayer(_Layer):
    """`units` sums of all numbers."""

    kind: Literal["dense"] = "dense"
    units: Count
    bias: bool = True
    activation: Function = "linear"


class ConvLayer(_Layer):
    """A 2-D convolution (cross-correlation) in `groups`."""

    kind: Literal["conv"] = "conv"
    filters: Count
    kernel_size: Pair
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = "valid"
    groups: Count = 1
    bias: bool = True
    activation: Function = "linear"


class ConvTransposeLayer(_Layer):
    """The transpose of a convolution.

    Without `output_padding`, `same` gives size * stride, and `valid` that and what the kernel
    sticks out.
    """

    kind: Literal["conv-transpose"] = "conv-transpose"
    filters: Count
    kernel_size: Pair
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = "valid"
    output_padding: tuple[Edge, Edge] | None = None
    bias: bool = True
    activation: Function = "linear"


class BatchNormLayer(_Layer):
    """Batch normalisation of each channel; `momentum` is the share of a new batch's mean."""

    kind: Literal["batch-norm"] = "batch-norm"
    epsilon: Rate = 1e-5
    momentum: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    center: bool = True
    scale: bool = True


class PoolLayer(_Layer):
    """The maximum or mean of windows; `same` means leave what lies outside out of account."""

    kind: Literal["pool"] = "pool"
    how: Literal["max", "average"] = "max"
    pool_size: Pair = (2, 2)
    strides: Pair = (2, 2)
    padding: Padding = "valid"


class GlobalPoolLayer(_Layer):
    """One number a channel, or two (means, then maxima) for `mean-max`."""

    kind: Literal["global-pool"] = "global-pool"
    how: Literal["average", "max", "mean-max"] = "average"


class UpSampleLayer(_Layer):
    """Larger by whole factors; bilinear with half-pixel centres."""

    kind: Literal["up-sample"] = "up-sample"
    size: Pair = (2, 2)
    interpolation: Literal["nearest", "bilinear"] = "nearest"


class EdgesLayer(_Layer):
    """Rows and columns of zeros added (`pad`), or taken away (`crop`): near and far of each."""

    kind: Literal["pad", "crop"]
    edges: Edges


class DropoutLayer(_Layer):
    """Numbers, or whole `channels`, set to 0 in training."""

    kind: Literal["dropout"] = "dropout"
    rate: Fraction
    channels: bool = False


class NoiseLayer(_Layer):
    """Gaussian noise added in training."""

    kind: Literal["noise"] = "noise"
    std: Weight


class FlattenLayer(_Layer):
    """A map to a row of numbers."""

    kind: Literal["flatten"] = "flatten"
    order: Order = "last"


class ReshapeLayer(_Layer):
    """The same numbers, in order, as a row of N or a map `(C, H, W)`."""

    kind: Literal["reshape"] = "reshape"
    shape: tuple[Count] | tuple[Count, Count, Count]
    order: Order = "last"


class PermuteLayer(_Layer):
    """A map's axes in another order: axis i of the output is axis `axes[i]`, from 0, of `order`."""

    kind: Literal["permute"] = "permute"
    axes: tuple[Annotated[int, Field(ge=0, le=2)], ...]
    order: Order = "last"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if sorted(self.axes) != [0, 1, 2]:
            raise ValueError(f"axes must be 0, 1 and 2 in some order; got {self.axes}")
        return self


class ActivationLayer(_Layer):
    """A function of each number.

    `slope` is that of `leaky_relu` and `relu` below 0, or the alpha of `elu`; `ceiling` cuts a
    `relu` off, and below `threshold` it is its negative part.
    """

    kind: Literal["activation"] = "activation"
    function: Function
    slope: Number | None = None
    ceiling: Weight | None = None
    threshold: Weight = 0.0


class RescaleLayer(_Layer):
    """Every number times `scale` plus `offset`."""

    kind: Literal["rescale"] = "rescale"
    scale: Number
    offset: Number = 0.0


class ResidualLayer(_Layer):
    """What comes in, plus what `layers` make of it."""

    kind: Literal["residual"] = "residual"
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=1000)]


Layer: TypeAlias = Annotated[
    DenseLayer | ConvLayer | ConvTransposeLayer | BatchNormLayer | PoolLayer | GlobalPoolLayer
    | UpSampleLayer | EdgesLayer | DropoutLayer | NoiseLayer | FlattenLayer | ReshapeLayer
    | PermuteLayer | ActivationLayer | RescaleLayer | ResidualLayer,
    Field(discriminator="kind"),
]  # fmt: skip
Layers: TypeAlias = Annotated[tuple[Layer, ...], Field(max_length=10_000)]
ResidualLayer.model_rebuild()


class LayersSpec(Spec):
    """An encoder spelled out, and its decoder where there is one.

    A decoder that ends in a sigmoid gives pixels from 0 to 1 as all others do; any other gives
    them as they come.
    """

    kind: Literal["layers"] = "layers"
    encoder: Annotated[Layers, Field(min_length=1)]
    decoder: Layers = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        require_own_names([*self.encoder, *self.decoder])
        return self

    @property
    def squashed(self) -> bool:
        """Whether the decoder's pixels come through a sigmoid."""
        return (
            not self.decoder
            or getattr(self.decoder[-1], "activation", None) == "sigmoid"
            or (
                isinstance(self.decoder[-1], ActivationLayer)
                and self.decoder[-1].function == "sigmoid"
            )
        )


class LayersHeadSpec(Spec):
    """A head spelled out; a softmax at its end is left to what reads the scores."""

    kind: Literal["layers"] = "layers"
    layers: Annotated[Layers, Field(min_length=1)]
    stage: None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        require_own_names(self.layers)
        return self


def every(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers in order, those inside others after them."""
    for layer in layers:
        yield layer
        if isinstance(layer, ResidualLayer):
            yield from every(layer.layers)


def require_own_names(layers: Iterable[Layer]) -> None:
    """Raise `ValueError` if two layers have the same name."""
    names = [layer.name for layer in every(layers)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"layers must have names of their own; two are called {twice!r}")
