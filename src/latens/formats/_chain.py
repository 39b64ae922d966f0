"""Layers in a row with their weights: what models of other programs and ours are turned into.

Weights are float32, in the layouts of Keras:
  dense            kernel [in, out], bias [out]
  conv             kernel [height, width, in / groups, out], bias [out]
  conv-transpose   kernel [height, width, out, in], bias [out]
  batch-norm       gamma, beta, moving_mean, moving_variance, each [channels]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from latens.nn.chain.modules import Residual
from latens.nn.chain.shapes import Shape, after, step
from latens.spec.layers import (
    BatchNormLayer,
    ConvLayer,
    ConvTransposeLayer,
    DenseLayer,
    Layer,
    ResidualLayer,
)

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Mapping[str, Array]]
_WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm1d, nn.BatchNorm2d)
_TORCH = {
    "kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias",
    "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """A network for images of `image_shape` `(C, H, W)`.

    Attributes:
        layers: from the image on; `weights` by the layers' names.
        ends: by the names that the file itself uses, which of `layers` is the last of each.
        written_by: the program that wrote the file, with its version.
        notes: what is worth saying about it.
    """

    image_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    weights: Weights
    ends: Mapping[str, int] = field(default_factory=dict)
    written_by: str = ""
    notes: tuple[str, ...] = ()

    def shapes(self) -> list[Shape]:
        """The shape that each of the layers gives."""
        return [after(self.layers[: i + 1], self.image_shape) for i in range(len(self.layers))]


def weighted(layers: Iterable[Layer], shape: Shape) -> Iterable[tuple[Layer, dict[str, Shape]]]:
    """Every layer that has weights, those inside others too, with the shapes of its weights."""
    for layer in layers:
        if isinstance(layer, ResidualLayer):
            yield from weighted(layer.layers, shape)
        elif shapes := weight_shapes(layer, shape):
            yield layer, shapes
        shape = step(layer, shape)


def weight_shapes(layer: Layer, shape: Shape) -> dict[str, Shape]:
    """The shapes of a layer's weights where it reads `shape`, in Keras's order; {} for none."""
    if isinstance(layer, BatchNormLayer):
        here = {"gamma": layer.scale, "beta": layer.center}
        names = [name for name in ("gamma", "beta") if here[name]]
        return dict.fromkeys([*names, "moving_mean", "moving_variance"], (shape[0],))
    if isinstance(layer, DenseLayer):
        kernel: Shape = (shape[0], layer.units)
    elif isinstance(layer, ConvLayer):
        kernel = (*layer.kernel_size, shape[0] // layer.groups, layer.filters)
    elif isinstance(layer, ConvTransposeLayer):
        kernel = (*layer.kernel_size, layer.filters, shape[0])
    else:
        return {}
    outputs = kernel[-2] if isinstance(layer, ConvTransposeLayer) else kernel[-1]
    return {"kernel": kernel, "bias": (outputs,)} if layer.bias else {"kernel": kernel}


@torch.no_grad()
def fill(built: nn.Sequential, layers: Iterable[Layer], weights: Weights) -> None:
    """Put weights into the modules of a chain that was built from `layers`."""
    for layer, part in zip(layers, built, strict=False):
        if isinstance(layer, ResidualLayer):
            fill(_inner(part), layer.layers, weights)
        for name, array in weights.get(layer.name, {}).items():
            target = getattr(only(part), _TORCH[name])
            target.copy_(torch.from_numpy(_turned(array, name)))


def taken(built: nn.Sequential, layers: Iterable[Layer]) -> dict[str, dict[str, Array]]:
    """The weights of the modules of a chain that was built from `layers`."""
    found: dict[str, dict[str, Array]] = {}
    for layer, part in zip(layers, built, strict=False):
        if isinstance(layer, ResidualLayer):
            found |= taken(_inner(part), layer.layers)
        elif isinstance(layer, DenseLayer | ConvLayer | ConvTransposeLayer | BatchNormLayer):
            found[layer.name] = of_module(only(part))
    return found


def of_module(module: nn.Module) -> dict[str, Array]:
    """The weights of one of torch's own layers, in Keras's layouts."""
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        names = ["gamma", "beta", "moving_mean", "moving_variance"]
    else:
        names = ["kernel"] if module.bias is None else ["kernel", "bias"]
    return {name: _back(getattr(module, _TORCH[name]), name) for name in names}


def only(part: nn.Module) -> nn.Module:
    """The one of torch's own layers with weights that is in a layer's module."""
    return next(module for module in part.modules() if isinstance(module, _WEIGHTED))


def _inner(part: nn.Module) -> nn.Sequential:
    """The chain inside a residual layer's module."""
    return next(module.inner for module in part.modules() if isinstance(module, Residual))


def _turned(array: Array, name: str) -> Array:
    """From Keras's layout to torch's: both kinds of kernel have height and width last there."""
    if name != "kernel":
        return np.array(array)
    return np.ascontiguousarray(array.T if array.ndim == 2 else array.transpose(3, 2, 0, 1))


def _back(tensor: Tensor, name: str) -> Array:
    array: Array = tensor.detach().float().cpu().numpy()
    if name != "kernel":
        return array.copy()
    return np.ascontiguousarray(array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0))
