"""From features to class scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latens.spec import HeadSpec


class MeanPool(nn.Module):
    """Feature maps `[B, F, h, w]` to their means `[B, F]`."""

    def forward(self, x_BFhw: Tensor) -> Tensor:
        return x_BFhw.mean((2, 3))


class MeanMaxPool(nn.Module):
    """Feature maps `[B, F, h, w]` to their means and maxima `[B, 2F]`."""

    def forward(self, x_BFhw: Tensor) -> Tensor:
        return torch.cat([x_BFhw.mean((2, 3)), x_BFhw.amax((2, 3))], dim=1)


class Head(nn.Sequential):
    """Pooling (of feature maps), dense layers with ReLU and dropout, class logits `[B, K]`."""

    def __init__(self, spec: HeadSpec, feature_shape: tuple[int, ...], classes: int) -> None:
        pool, width = _pool(spec, feature_shape)
        layers: list[nn.Module] = [pool]
        for hidden in spec.hidden:
            layers += [nn.Linear(width, hidden), nn.ReLU(inplace=True)]
            width = hidden
            if spec.dropout:
                layers.append(nn.Dropout(spec.dropout))
        super().__init__(*layers, nn.Linear(width, classes))


def _pool(spec: HeadSpec, feature_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    if len(feature_shape) == 1 or spec.pool == "flatten":
        return nn.Flatten(), math.prod(feature_shape)
    channels = feature_shape[0]
    return (MeanPool(), channels) if spec.pool == "mean" else (MeanMaxPool(), 2 * channels)
