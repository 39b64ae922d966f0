"""Convolutional networks: every convolutional autoencoder of the reports, and their like.

Halving rounds up (28, 14, 7, 4), and the decoder is told the sizes that it must come back
through, so that an image of any size returns in its own.
"""

from __future__ import annotations

import math

from torch import nn

from latens.errors import UsageError
from latens.nn.layers import ResizeNearest, TransposedTo, activation, same_conv
from latens.spec import ConvSpec

ImageShape = tuple[int, int, int]
Size = tuple[int, int]


def build_encoder(spec: ConvSpec, image_shape: ImageShape) -> tuple[nn.Module, tuple[int, ...]]:
    """Images `[B, C, H, W]` to feature maps `[B, F, h, w]`, or to codes `[B, latent]`.

    Raises `UsageError` if the image shrinks below one pixel.
    """
    layers: list[nn.Module] = []
    before = image_shape[0]
    for block, filters in enumerate(spec.encoder_filters):
        halve = block + 1 in spec.down_after
        layers += _block(spec, before, filters, spec.kernel(block), halve and spec.down == "stride")
        if halve and spec.down != "stride":
            layers.append(_pool(spec.down))
        before = filters
    shape: tuple[int, ...] = (before, *_sizes(spec, image_shape)[-1])
    if spec.latent is not None:
        layers += [nn.Flatten(), nn.Linear(math.prod(shape), spec.latent)]
        shape = (spec.latent,)
    return nn.Sequential(*layers), shape


def build_decoder(spec: ConvSpec, image_shape: ImageShape) -> nn.Module:
    """Features to pixel logits `[B, C, H, W]`: the encoder's way back."""
    sizes = _sizes(spec, image_shape)
    before = spec.encoder_filters[-1]
    layers = _from_code(spec, (before, *sizes[-1]))
    plain = len(spec.decoder_filters) - len(spec.down_after)
    kernel = spec.kernel(len(spec.encoder_filters) - 1)
    for block, filters in enumerate(spec.decoder_filters):
        layers += _block(spec, before, filters, kernel, strided=False)
        before = filters
        if block >= plain:
            layers.append(_up(spec, before, sizes[plain - block - 2]))
    layers.append(same_conv(before, image_shape[0], kernel, bias=True))
    return nn.Sequential(*layers)


def _block(
    spec: ConvSpec, before: int, filters: int, kernel: int, strided: bool
) -> list[nn.Module]:
    """`convs_per_block` convolutions; the last one may halve by its stride."""
    layers: list[nn.Module] = []
    for conv in range(spec.convs_per_block):
        stride = 2 if strided and conv == spec.convs_per_block - 1 else 1
        # Batch normalisation subtracts any bias again, so that a bias before it is dead weight.
        layers.append(same_conv(before, filters, kernel, stride=stride, bias=not spec.batch_norm))
        if spec.batch_norm:
            layers.append(nn.BatchNorm2d(filters))
        layers.append(activation(spec.activation))
        if spec.dropout:
            layers.append(nn.Dropout(spec.dropout))
        before = filters
    return layers


def _sizes(spec: ConvSpec, image_shape: ImageShape) -> list[Size]:
    """Heights and widths from the image down to the code, one more than there are halvings."""
    sizes = [image_shape[1:]]
    for block in spec.down_after:
        height, width = sizes[-1]
        if max(height, width) == 1:
            raise UsageError(
                f"Expected an image that can be halved {len(spec.down_after)} times; "
                f"{image_shape[1]}x{image_shape[2]} is one pixel before block {block}.",
                hint="Use fewer entries in encoder.down_after, or larger images (--size).",
                code="too-small",
            )
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def _pool(kind: str) -> nn.Module:
    pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
    return pool(2, ceil_mode=True)


def _from_code(spec: ConvSpec, shape: tuple[int, int, int]) -> list[nn.Module]:
    if spec.latent is None:
        return []
    dense = nn.Linear(spec.latent, math.prod(shape))
    return [dense, activation(spec.activation), nn.Unflatten(1, shape)]


def _up(spec: ConvSpec, channels: int, size: Size) -> nn.Module:
    return ResizeNearest(size) if spec.up == "nearest" else TransposedTo(channels, size)
