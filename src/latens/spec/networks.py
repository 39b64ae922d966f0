"""What networks are made of: encoders with the decoders that mirror them, and heads."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from latens.choices import Activation, Views
from latens.errors import UsageError
from latens.spec._base import Fraction, Positive, Spec
from latens.spec.layers import LayersSpec


class ConvSpec(Spec):
    """A convolutional encoder of blocks and its mirrored decoder.

    A block is `convs_per_block` convolutions, each with batch normalisation, activation and
    dropout as asked. The image is halved after every block in `down_after` (counted from 1) and
    doubled again after as many of the last decoder blocks; a final convolution gives the pixels.
    `kernel_size` is one number, or one a block of the encoder (the decoder uses the last).
    `latent` adds a dense code of that width; without it the code is the last feature map.
    `tied` makes the decoder use the encoder's own kernels, transposed; the decoder must mirror the
    encoder then.
    """

    kind: Literal["conv"] = "conv"
    encoder_filters: Annotated[tuple[Positive, ...], Field(min_length=1)] = (32,) * 5
    decoder_filters: Annotated[tuple[Positive, ...], Field(min_length=1)] = (32,) * 5
    convs_per_block: Positive = 1
    kernel_size: Positive | tuple[Positive, ...] = 3
    down_after: tuple[Positive, ...] = (1, 2)
    down: Literal["max", "average", "stride"] = "max"
    up: Literal["nearest", "transposed"] = "nearest"
    batch_norm: bool = True
    dropout: Fraction = 0.0
    activation: Activation = "relu"
    latent: Positive | None = None
    tied: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        blocks, halvings = len(self.encoder_filters), len(self.down_after)
        if len(set(self.down_after)) < halvings or any(b > blocks for b in self.down_after):
            raise ValueError(
                f"down_after must name different blocks from 1 to {blocks}; got {self.down_after}"
            )
        if halvings > len(self.decoder_filters):
            raise ValueError(
                f"decoder_filters needs at least {halvings} blocks to undo down_after; "
                f"got {len(self.decoder_filters)}"
            )
        if isinstance(self.kernel_size, tuple) and len(self.kernel_size) != blocks:
            raise ValueError(
                f"kernel_size must be one number or one for each of the {blocks} encoder blocks; "
                f"got {self.kernel_size}"
            )
        return self

    def kernel(self, block: int) -> int:
        """The kernel size of encoder block `block`, counted from 0."""
        return self.kernel_size if isinstance(self.kernel_size, int) else self.kernel_size[block]


class MLPSpec(Spec):
    """A dense encoder and its mirrored decoder: `hidden` widths, then a code of `latent`.

    Without `latent` the code is what the last hidden layer gives, after its activation.
    `tied` makes the decoder use the encoder's own weights, transposed.
    """

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Positive, ...] = (128,)
    latent: Positive | None = 32
    batch_norm: bool = False
    dropout: Fraction = 0.0
    activation: Activation = "relu"
    tied: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.hidden and self.latent is None:
            raise ValueError("hidden must have a layer where latent is none; got neither")
        return self


class ResidualSpec(Spec):
    """A residual encoder and its mirrored decoder.

    A `patch` x `patch` projection, then stages of `blocks` residual blocks (two 3x3 convolutions
    with batch normalisation, He et al. 2016) at each of `widths`; the image is halved between
    stages. `latent` adds a dense code; without it the code is the last feature map. `out_filters`
    is the width of that last map where it should be narrower than the last stage.
    """

    kind: Literal["residual"] = "residual"
    patch: Positive = 4
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (64,)
    blocks: Positive = 4
    out_filters: Positive | None = None
    dropout: Fraction = 0.0
    activation: Activation = "relu"
    latent: Positive | None = None


EncoderSpec: TypeAlias = Annotated[
    ConvSpec | MLPSpec | ResidualSpec | LayersSpec, Field(discriminator="kind")
]


class HeadSpec(Spec):
    """From features to class scores: pooling, layers with dropout, one output a class.

    `dense` has layers of the widths in `hidden`. `conv1d` first runs 1-D convolutions of
    `filters` kernels over the code as a sequence, `conv2d` 2-D ones over feature maps, both of
    `kernel_size`, each with batch normalisation, ReLU and pooling by 2 while there is room.
    `pool` acts on feature maps alone: `flatten` keeps every number, `mean` and `mean-max` keep
    one or two a channel. `stage` takes the features from a named stage of the encoder, such as
    "block2", instead of from its end. `views` are those of an image over which the scores are
    averaged where the classifier is not trained (see `latens.nn.views`).
    """

    kind: Literal["dense", "conv1d", "conv2d"] = "dense"
    hidden: tuple[Positive, ...] = (100,)
    filters: tuple[Positive, ...] = (32, 64)
    kernel_size: Positive = 3
    dropout: Fraction = 0.3
    pool: Literal["flatten", "mean", "mean-max"] = "flatten"
    stage: str | None = None
    views: Views = "none"


def mirrored(
    layers: int, filters: int, *, doubling: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Encoder and decoder filters for `layers` convolution blocks in all, as the reports count.

    An odd number gives the encoder one more: 9 layers are 5 and 4. With `doubling` each encoder
    block has twice the filters of the one before, and the decoder walks the same list backwards.
    """
    if layers < 2:
        raise UsageError(
            f"Expected at least 2 convolution layers (one each way); got {layers}.",
            hint="Use --conv-layers 2 or more.",
            code="bad-spec",
        )
    down = layers - layers // 2
    encoder = tuple(filters * 2**i if doubling else filters for i in range(down))
    return encoder, tuple(reversed(encoder))[down - layers // 2 :]
