"""Convolutional networks: every convolutional autoencoder of the reports, and their like.

Halving rounds up (28, 14, 7, 4), and the decoder is told the sizes that it must come back
through, so that an image of any size returns in its own. The encoder's stages are "block1",
"block2", ..., each with its halving, and "code" where there is a dense one.
"""

from __future__ import annotations

import math

from torch import nn

from latens.errors import UsageError
from latens.nn.fused.sequence import Fused, named_stages
from latens.nn.layers import (
    ResizeNearest,
    Size,
    TransposedTo,
    activation,
    halvings,
    same_conv,
)
from latens.nn.tied import TiedConv, TiedLinear
from latens.spec import ConvSpec

ImageShape = tuple[int, int, int]


def build_encoder(spec: ConvSpec, image_shape: ImageShape) -> tuple[nn.Sequential, tuple[int, ...]]:
    """Images `[B, C, H, W]` to feature maps `[B, F, h, w]`, or to codes `[B, latent]`.

    Raises `UsageError` if the image shrinks below one pixel.
    """
    stages: dict[str, list[nn.Module]] = {}
    before = image_shape[0]
    for block, filters in enumerate(spec.encoder_filters):
        down = block + 1 in spec.down_after
        strided = down and spec.down == "stride"
        layers = _block(spec, before, filters, spec.kernel(block), strided)
        stages[f"block{block + 1}"] = (
            [*layers, _pool(spec.down)] if down and not strided else layers
        )
        before = filters
    shape: tuple[int, ...] = (before, *_sizes(spec, image_shape)[-1])
    if spec.latent is not None:
        stages["code"] = [nn.Flatten(), nn.Linear(math.prod(shape), spec.latent)]
        shape = (spec.latent,)
    return named_stages(stages), shape


def build_decoder(spec: ConvSpec, image_shape: ImageShape, encoder: nn.Module) -> nn.Module:
    """Features to pixel logits `[B, C, H, W]`: the encoder's way back.

    Raises `UsageError` if it should be tied to the encoder but does not mirror it.
    """
    if spec.tied:
        return _tied_decoder(spec, image_shape, encoder)
    sizes = _sizes(spec, image_shape)
    before = spec.encoder_filters[-1]
    layers: list[nn.Module] = []
    if spec.latent is not None:
        shape = (before, *sizes[-1])
        layers = _from_code(spec, nn.Linear(spec.latent, math.prod(shape)), shape)
    plain = len(spec.decoder_filters) - len(spec.down_after)
    kernel = spec.kernel(len(spec.encoder_filters) - 1)
    for block, filters in enumerate(spec.decoder_filters):
        layers += _block(spec, before, filters, kernel, strided=False)
        before = filters
        if block >= plain:
            layers.append(_up(spec, before, sizes[plain - block - 2]))
    layers.append(same_conv(before, image_shape[0], kernel, bias=True))
    return Fused(*layers)


def _tied_decoder(spec: ConvSpec, image_shape: ImageShape, encoder: nn.Module) -> nn.Module:
    """The encoder walked backwards, convolution by convolution, the last one giving the pixels.

    A pooled block is first made larger as `up` says; a strided one is by its transpose.
    """
    _require_mirror(spec)
    sizes = _sizes(spec, image_shape)
    convs = [layer for layer in encoder.modules() if isinstance(layer, nn.Conv2d)]
    layers: list[nn.Module] = []
    if spec.latent is not None:
        dense = next(layer for layer in encoder.modules() if isinstance(layer, nn.Linear))
        layers = _from_code(spec, TiedLinear(dense), (spec.encoder_filters[-1], *sizes[-1]))
    for place in reversed(range(len(convs))):
        block, inner = divmod(place, spec.convs_per_block)
        if block + 1 in spec.down_after and inner == spec.convs_per_block - 1:
            sizes.pop()
            if spec.down != "stride":
                layers.append(_up(spec, convs[place].out_channels, sizes[-1]))
        layers.append(TiedConv(convs[place], sizes[-1], bias=not (spec.batch_norm and place)))
        layers += _after(spec, convs[place].in_channels) if place else []
    return Fused(*layers)


def _require_mirror(spec: ConvSpec) -> None:
    """The decoder's filters must be the encoder's backwards; the last, inner one may be left out,
    because it is the code itself that the first transposed convolution reads."""
    mirror = spec.encoder_filters[::-1]
    if spec.decoder_filters not in (mirror, mirror[1:]):
        raise UsageError(
            "Expected a decoder that mirrors the encoder for tied weights; encoder.decoder_filters "
            f"is {list(spec.decoder_filters)}.",
            hint=f"Set encoder.decoder_filters to {list(mirror)}, or encoder.tied to false.",
            code="not-mirrored",
        )


def _block(
    spec: ConvSpec, before: int, filters: int, kernel: int, strided: bool
) -> list[nn.Module]:
    """`convs_per_block` convolutions; the last one may halve by its stride."""
    layers: list[nn.Module] = []
    for conv in range(spec.convs_per_block):
        stride = 2 if strided and conv == spec.convs_per_block - 1 else 1
        # Batch normalisation subtracts any bias again, so that a bias before it is dead weight.
        layers.append(same_conv(before, filters, kernel, stride=stride, bias=not spec.batch_norm))
        layers += _after(spec, filters)
        before = filters
    return layers


def _after(spec: ConvSpec, filters: int) -> list[nn.Module]:
    """What follows a convolution."""
    layers: list[nn.Module] = [nn.BatchNorm2d(filters)] if spec.batch_norm else []
    layers.append(activation(spec.activation))
    return [*layers, nn.Dropout(spec.dropout)] if spec.dropout else layers


def _sizes(spec: ConvSpec, image_shape: ImageShape) -> list[Size]:
    """Heights and widths from the image down to the code, one more than there are halvings."""
    places = [f"block {block}" for block in spec.down_after]
    return halvings(image_shape[1:], places, "Use fewer entries in encoder.down_after")


def _pool(kind: str) -> nn.Module:
    pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
    return pool(2, ceil_mode=True)


def _from_code(spec: ConvSpec, dense: nn.Module, shape: tuple[int, int, int]) -> list[nn.Module]:
    return [dense, activation(spec.activation), nn.Unflatten(1, shape)]


def _up(spec: ConvSpec, channels: int, size: Size) -> nn.Module:
    return ResizeNearest(size) if spec.up == "nearest" else TransposedTo(channels, size)
