"""Dense networks: an image is a row of numbers."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from latens.nn.layers import activation
from latens.spec import MLPSpec


def build_encoder(
    spec: MLPSpec, image_shape: tuple[int, int, int]
) -> tuple[nn.Module, tuple[int, ...]]:
    """Images `[B, C, H, W]` to codes `[B, latent]`; the code itself has no activation."""
    widths = (math.prod(image_shape), *spec.hidden)
    layers = [nn.Flatten(), *_stack(spec, widths), nn.Linear(widths[-1], spec.latent)]
    return nn.Sequential(*layers), (spec.latent,)


def build_decoder(spec: MLPSpec, image_shape: tuple[int, int, int]) -> nn.Module:
    """Codes `[B, latent]` to pixel logits `[B, C, H, W]`."""
    widths = (spec.latent, *reversed(spec.hidden))
    last = nn.Linear(widths[-1], math.prod(image_shape))
    return nn.Sequential(*_stack(spec, widths), last, nn.Unflatten(1, image_shape))


def _stack(spec: MLPSpec, widths: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers.append(nn.Linear(before, after, bias=not spec.batch_norm))
        if spec.batch_norm:
            layers.append(nn.BatchNorm1d(after))
        layers.append(activation(spec.activation))
        if spec.dropout:
            layers.append(nn.Dropout(spec.dropout))
    return layers
