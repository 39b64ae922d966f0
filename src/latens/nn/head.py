"""From features to class scores: the three heads of report 5."""

from __future__ import annotations

import math

from torch import nn

from latens.errors import UsageError
from latens.nn.layers import same_conv
from latens.nn.pooling import MeanMaxPool, MeanPool
from latens.spec import HeadSpec

Shape = tuple[int, ...]


class Head(nn.Sequential):
    """Convolutions as asked, pooling (of feature maps), dense layers, class logits `[B, K]`.

    `stages` are the names that an error about the features may advise. `log_weights` are the
    logarithms of the learned weights of joint training (reconstruction, classification), or None.
    Raises `UsageError` for a 2-D convolution over a dense code.
    """

    log_weights: nn.Parameter | None

    def __init__(
        self, spec: HeadSpec, feature_shape: Shape, classes: int, stages: tuple[str, ...] = ()
    ) -> None:
        if spec.kind == "conv2d" and len(feature_shape) != 3:
            raise _no_maps(feature_shape, stages)
        convolve = {"dense": _nothing, "conv1d": _conv1d, "conv2d": _conv2d}[spec.kind]
        layers, shape = convolve(spec, feature_shape)
        pool, width = _pool(spec, shape)
        layers.append(pool)
        for hidden in spec.hidden:
            layers += [nn.Linear(width, hidden), nn.ReLU(inplace=True)]
            width = hidden
            if spec.dropout:
                layers.append(nn.Dropout(spec.dropout))
        super().__init__(*layers, nn.Linear(width, classes))
        self.register_parameter("log_weights", None)


def _nothing(spec: HeadSpec, shape: Shape) -> tuple[list[nn.Module], Shape]:
    return [], shape


def _conv1d(spec: HeadSpec, shape: Shape) -> tuple[list[nn.Module], Shape]:
    """All features as one sequence, in memory's order: `[B, 1, D]` to `[B, filters * length]`."""
    length, before = math.prod(shape), 1
    layers: list[nn.Module] = [nn.Flatten(), nn.Unflatten(1, (1, length))]
    near, far = (spec.kernel_size - 1) // 2, spec.kernel_size // 2
    for filters in spec.filters:
        conv = nn.Conv1d(before, filters, spec.kernel_size, bias=False)
        norm = nn.BatchNorm1d(filters)
        layers += [nn.ZeroPad1d((near, far)), conv, norm, nn.ReLU(inplace=True)]
        if length > 1:
            layers.append(nn.MaxPool1d(2, ceil_mode=True))
        length, before = -(-length // 2), filters
    return [*layers, nn.Flatten()], (before * length,)


def _conv2d(spec: HeadSpec, shape: Shape) -> tuple[list[nn.Module], Shape]:
    """Feature maps `[B, F, h, w]` to smaller ones."""
    before, height, width = shape
    layers: list[nn.Module] = []
    for filters in spec.filters:
        layers += [same_conv(before, filters, spec.kernel_size, bias=False)]
        layers += [nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
        if max(height, width) > 1:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        before, height, width = filters, -(-height // 2), -(-width // 2)
    return layers, (before, height, width)


def _pool(spec: HeadSpec, shape: Shape) -> tuple[nn.Module, int]:
    if len(shape) == 1 or spec.pool == "flatten":
        return nn.Flatten(), math.prod(shape)
    channels = shape[0]
    return (MeanPool(), channels) if spec.pool == "mean" else (MeanMaxPool(), 2 * channels)


def _no_maps(shape: Shape, stages: tuple[str, ...]) -> UsageError:
    return UsageError(
        f"Expected feature maps for a head of kind conv2d; got {shape[0]} numbers an image.",
        hint=f"Set head.stage to one that has maps (of {', '.join(stages)}), or head.kind to "
        "conv1d or dense.",
        code="no-feature-maps",
    )
