"""Dense networks: an image is a row of numbers.

The encoder's stages are "layer1", "layer2", ... of `hidden`, and "code".
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from latens.nn.fused.sequence import named_stages
from latens.nn.layers import activation
from latens.nn.tied import TiedLinear
from latens.spec import MLPSpec

ImageShape = tuple[int, int, int]


def build_encoder(spec: MLPSpec, image_shape: ImageShape) -> tuple[nn.Sequential, tuple[int, ...]]:
    """Images `[B, C, H, W]` to codes `[B, latent]`, or to what the last layer gives."""
    widths = (math.prod(image_shape), *spec.hidden)
    stages: dict[str, list[nn.Module]] = {}
    for number, (before, after) in enumerate(pairwise(widths), 1):
        dense = nn.Linear(before, after, bias=not spec.batch_norm)
        stages[f"layer{number}"] = [dense, *_after(spec, after)]
    if spec.latent is not None:
        stages["code"] = [nn.Linear(widths[-1], spec.latent)]
    next(iter(stages.values())).insert(0, nn.Flatten())
    return named_stages(stages), (spec.latent or widths[-1],)


def build_decoder(spec: MLPSpec, image_shape: ImageShape, encoder: nn.Module) -> nn.Module:
    """Codes `[B, latent]` to pixel logits `[B, C, H, W]`."""
    dense = _tied(spec, encoder) if spec.tied else _own(spec, image_shape)
    layers: list[nn.Module] = []
    for layer, width in zip(dense, _inner(spec), strict=False):
        layers += [layer, *_after(spec, width)]
    return nn.Sequential(*layers, dense[-1], nn.Unflatten(1, image_shape))


def _own(spec: MLPSpec, image_shape: ImageShape) -> list[nn.Module]:
    widths = (spec.latent or spec.hidden[-1], *_inner(spec))
    inner = [nn.Linear(*pair, bias=not spec.batch_norm) for pair in pairwise(widths)]
    return [*inner, nn.Linear(widths[-1], math.prod(image_shape))]


def _tied(spec: MLPSpec, encoder: nn.Module) -> list[nn.Module]:
    dense = [layer for layer in encoder.modules() if isinstance(layer, nn.Linear)]
    inner = [TiedLinear(layer, bias=not spec.batch_norm) for layer in reversed(dense[1:])]
    return [*inner, TiedLinear(dense[0])]


def _inner(spec: MLPSpec) -> tuple[int, ...]:
    """The decoder's hidden widths, from the code outwards."""
    return tuple(reversed(spec.hidden if spec.latent else spec.hidden[:-1]))


def _after(spec: MLPSpec, width: int) -> list[nn.Module]:
    """What follows a hidden layer."""
    layers: list[nn.Module] = [nn.BatchNorm1d(width)] if spec.batch_norm else []
    layers.append(activation(spec.activation))
    return [*layers, nn.Dropout(spec.dropout)] if spec.dropout else layers
