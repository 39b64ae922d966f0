"""Residual networks: most of their work is done on a few small maps, which makes them quick.

A patch projection, then stages of residual blocks with a halving (rounded up) between stages, and
the same way back. The blocks are pre-activated (He et al. 2016, "Identity mappings"), so that
pixels find a linear way through the network and back. The encoder's stages are "patch", "stage1",
"stage2", ..., "out" (where `out_filters` narrows the last map) and "code" (where it is dense).
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from latens.nn.fused.sequence import Fused, named_stages
from latens.nn.layers import (
    CropTo,
    PadTo,
    ResizeNearest,
    Size,
    activation,
    halvings,
    same_conv,
)
from latens.spec import ResidualSpec

ImageShape = tuple[int, int, int]


def build_encoder(
    spec: ResidualSpec, image_shape: ImageShape
) -> tuple[nn.Sequential, tuple[int, ...]]:
    """Images `[B, C, H, W]` to feature maps `[B, F, h, w]`, or to codes `[B, latent]`.

    Raises `UsageError` if the patches cannot be halved between all stages.
    """
    patch, widths = spec.patch, spec.widths
    first = nn.Conv2d(image_shape[0], widths[0], patch, stride=patch)
    stages: dict[str, list[nn.Module]] = {"patch": [PadTo(patch), first]}
    for number, width in enumerate(widths, 1):
        down = _resample(widths[number - 2], width, stride=2) if number > 1 else []
        stages[f"stage{number}"] = [*down, *_blocks(spec, width), *_norm(spec, width)]
    shape: tuple[int, ...] = (_last(spec), *_sizes(spec, image_shape)[-1])
    if spec.out_filters is not None:
        stages["out"] = [nn.Conv2d(widths[-1], spec.out_filters, 1)]
    if spec.latent is not None:
        stages["code"] = [nn.Flatten(), nn.Linear(math.prod(shape), spec.latent)]
        shape = (spec.latent,)
    return named_stages(stages), shape


def build_decoder(spec: ResidualSpec, image_shape: ImageShape, encoder: nn.Module) -> nn.Module:
    """Features to pixel logits `[B, C, H, W]`: the encoder's way back."""
    sizes = _sizes(spec, image_shape)
    layers: list[nn.Module] = []
    if spec.latent is not None:
        shape = (_last(spec), *sizes[-1])
        layers += [nn.Linear(spec.latent, math.prod(shape)), nn.Unflatten(1, shape)]
    if spec.out_filters is not None:
        layers.append(nn.Conv2d(spec.out_filters, spec.widths[-1], 1))
    for number in reversed(range(len(spec.widths))):
        width = spec.widths[number]
        layers += _blocks(spec, width)
        if number:
            layers.append(ResizeNearest(sizes[number - 1]))
            layers += _resample(width, spec.widths[number - 1])
    layers += _norm(spec, spec.widths[0])
    last = nn.ConvTranspose2d(spec.widths[0], image_shape[0], spec.patch, stride=spec.patch)
    return Fused(*layers, last, CropTo(image_shape[1:]))


class ResidualBlock(nn.Module):
    """`x` plus two 3x3 convolutions, each after batch normalisation and activation."""

    def __init__(self, spec: ResidualSpec, width: int) -> None:
        super().__init__()
        layers = [*_norm(spec, width), same_conv(width, width, 3, bias=False), *_norm(spec, width)]
        if spec.dropout:
            layers.append(nn.Dropout(spec.dropout))
        self.change = Fused(*layers, same_conv(width, width, 3, bias=False))

    def forward(self, x_BFhw: Tensor) -> Tensor:
        changed: Tensor = self.change(x_BFhw)
        return x_BFhw + changed


def _blocks(spec: ResidualSpec, width: int) -> list[nn.Module]:
    return [ResidualBlock(spec, width) for _ in range(spec.blocks)]


def _norm(spec: ResidualSpec, width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width), activation(spec.activation)]


def _resample(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [same_conv(before, after, 3, stride=stride, bias=False)]


def _last(spec: ResidualSpec) -> int:
    """Filters of the last feature map."""
    return spec.out_filters or spec.widths[-1]


def _sizes(spec: ResidualSpec, image_shape: ImageShape) -> list[Size]:
    """Heights and widths of the stages' maps, in patches."""
    height, width = (-(-n // spec.patch) for n in image_shape[1:])
    places = [f"stage {number}" for number in range(2, len(spec.widths) + 1)]
    return halvings((height, width), places, "Use fewer entries in encoder.widths")
