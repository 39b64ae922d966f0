"""The layers of a chain as Keras describes them, with channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from latens.formats._chain import Chain
from latens.nn.chain.shapes import Shape, step
from latens.spec.layers import (
    ActivationLayer,
    BatchNormLayer,
    ConvTransposeLayer,
    DropoutLayer,
    FlattenLayer,
    Function,
    GlobalPoolLayer,
    Layer,
    PermuteLayer,
    PoolLayer,
    RescaleLayer,
    ReshapeLayer,
    ResidualLayer,
    every,
)

INPUT = "image"
_CLASSES = {
    "dense": "Dense", "conv": "Conv2D", "conv-transpose": "Conv2DTranspose",
    "batch-norm": "BatchNormalization", "up-sample": "UpSampling2D", "pad": "ZeroPadding2D",
    "crop": "Cropping2D", "noise": "GaussianNoise", "flatten": "Flatten", "reshape": "Reshape",
    "permute": "Permute", "rescale": "Rescaling", "residual": "Add",
}  # fmt: skip
_TO_FIRST, _TO_LAST = (3, 1, 2), (2, 3, 1)
# Two ways of Keras to call the same thing differ from version to version; these do not.
_IN_PARTS: dict[str, tuple[float, float]] = {
    "hard_sigmoid": (1 / 6, 0.5), "hard_sigmoid_tf": (0.2, 0.5)
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A layer as Keras describes it, and the names of those that it reads."""

    kind: str
    config: dict[str, Any]
    inputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return str(self.config["name"])


def class_name(layer: Layer) -> str:
    """Keras's class for a layer with weights, and for most others."""
    if isinstance(layer, PoolLayer):
        return {"max": "MaxPooling2D", "average": "AveragePooling2D"}[layer.how]
    if isinstance(layer, GlobalPoolLayer):
        return {"max": "GlobalMaxPooling2D"}.get(layer.how, "GlobalAveragePooling2D")
    if isinstance(layer, DropoutLayer):
        return "SpatialDropout2D" if layer.channels else "Dropout"
    return _CLASSES.get(layer.kind, "Activation")


def entries(chain: Chain) -> list[Entry]:
    """All layers of the Keras model, the input first."""
    height, width = chain.image_shape[1:]
    shape = [None, height, width, chain.image_shape[0]]
    writer = _Writer(chain.layers)
    writer.entries.append(Entry("InputLayer", {"shape": shape, "name": writer.here}, ()))
    writer.over(chain.layers, chain.image_shape)
    return writer.entries


class _Writer:
    """Writes layer after layer; `here` is the name of the one before."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.entries: list[Entry] = []
        self.taken = {layer.name for layer in every(layers)}
        self.here = self._free(INPUT)

    def over(self, layers: Iterable[Layer], shape: Shape) -> None:
        for layer in layers:
            self._one(layer, shape)
            shape = step(layer, shape)

    def _one(self, layer: Layer, shape: Shape) -> None:
        if isinstance(layer, ResidualLayer):
            before = self.here
            self.over(layer.layers, shape)
            self._add("Add", layer.name, inputs=(before, self.here))
        elif isinstance(layer, GlobalPoolLayer) and layer.how == "mean-max":
            self._mean_max(layer)
        elif isinstance(layer, FlattenLayer | ReshapeLayer | PermuteLayer):
            self._shaped(layer, shape)
        elif isinstance(layer, ActivationLayer):
            self._activation(layer)
        else:
            self._plain(layer)

    def _add(self, kind: str, name: str, *, inputs: tuple[str, ...] = (), **config: Any) -> None:
        self.entries.append(Entry(kind, {"name": name, **config}, inputs or (self.here,)))
        self.here = name

    def _free(self, name: str) -> str:
        while name in self.taken:
            name = f"{name}_"
        self.taken.add(name)
        return name

    def _plain(self, layer: Layer) -> None:
        """A layer that Keras has by itself; an activation that it calls by two names follows."""
        function: Function = getattr(layer, "activation", "linear")
        inside = "linear" if function in _LAYERS else _spelled(function)
        config = _settings(layer)
        if hasattr(layer, "activation"):
            config["activation"] = inside
        self._add(class_name(layer), layer.name, **config)
        if function in _LAYERS:
            after = self._free(f"{layer.name}_activation")
            self._activation(ActivationLayer(name=after, function=function))

    def _activation(self, layer: ActivationLayer) -> None:
        function, slope = layer.function, layer.slope
        if function in _IN_PARTS:
            scale, offset = _IN_PARTS[function]
            between = self._free(f"{layer.name}_scale")
            self._add("Rescaling", between, scale=scale, offset=offset)
            self._add("ReLU", layer.name, **_relu(ceiling=1.0))
        elif function == "relu6":
            self._add("ReLU", layer.name, **_relu(ceiling=6.0))
        elif function == "leaky_relu":
            self._add("ReLU", layer.name, **_relu(slope=0.2 if slope is None else slope))
        elif function == "relu" and (slope or layer.ceiling is not None or layer.threshold):
            self._add("ReLU", layer.name, **_relu(slope or 0.0, layer.ceiling, layer.threshold))
        elif function == "elu" and slope is not None:
            self._add("ELU", layer.name, alpha=slope)
        else:
            self._add("Activation", layer.name, activation=_spelled(function))

    def _mean_max(self, layer: GlobalPoolLayer) -> None:
        before = self.here
        ways = [
            (self._free(f"{layer.name}_{way}"), kind)
            for way, kind in (("mean", "GlobalAveragePooling2D"), ("max", "GlobalMaxPooling2D"))
        ]
        for name, kind in ways:
            self._add(kind, name, inputs=(before,), data_format="channels_last")
        self._add("Concatenate", layer.name, inputs=(ways[0][0], ways[1][0]), axis=-1)

    def _shaped(self, layer: FlattenLayer | ReshapeLayer | PermuteLayer, shape: Shape) -> None:
        """What depends on the order of the axes; ours is brought about by permuting around it."""
        first = layer.order == "first"
        if first and len(shape) == 3 and shape[0] > 1 and max(shape[1:]) > 1:
            self._add("Permute", self._free(f"{layer.name}_first"), dims=_TO_FIRST)
        if isinstance(layer, FlattenLayer):
            self._add("Flatten", layer.name, data_format="channels_last")
            return
        if isinstance(layer, PermuteLayer):
            back = first
            name = self._free(f"{layer.name}_axes") if back else layer.name
            self._add("Permute", name, dims=[axis + 1 for axis in layer.axes])
        else:
            target = (
                layer.shape
                if first or len(layer.shape) == 1
                else (*layer.shape[1:], layer.shape[0])
            )
            back = first and len(layer.shape) == 3
            name = self._free(f"{layer.name}_shape") if back else layer.name
            self._add("Reshape", name, target_shape=list(target))
        if back:
            self._add("Permute", layer.name, dims=_TO_LAST)


_LAYERS = ("relu6", "leaky_relu", *_IN_PARTS)


def _relu(
    slope: float = 0.0, ceiling: float | None = None, threshold: float = 0.0
) -> dict[str, Any]:
    return {"max_value": ceiling, "negative_slope": slope, "threshold": threshold}


def _spelled(function: str) -> str:
    """The name that both Keras 2 and Keras 3 know, where there is one."""
    return {"silu": "swish"}.get(function, function)


def _settings(layer: Layer) -> dict[str, Any]:
    """What Keras calls a layer's settings."""
    values = layer.model_dump(mode="json", exclude={"name", "kind", "activation"})
    renamed = {
        "bias": "use_bias", "dilation": "dilation_rate", "std": "stddev",
        "edges": "padding" if layer.kind == "pad" else "cropping",
    }  # fmt: skip
    config = {renamed.get(name, name): value for name, value in values.items()}
    if isinstance(layer, BatchNormLayer):
        # All four weights are written, because training here may have moved each of them.
        more = {
            "axis": -1,
            "momentum": round(1 - layer.momentum, 12),
            "center": True,
            "scale": True,
        }
        return {**config, **more}
    for ours in ("how", "channels"):
        config.pop(ours, None)
    if isinstance(layer, ConvTransposeLayer) and layer.output_padding is None:
        config.pop("output_padding")
    plain = isinstance(layer, DropoutLayer) and not layer.channels
    if plain or isinstance(layer, RescaleLayer) or layer.kind in ("dense", "noise"):
        return config
    return {**config, "data_format": "channels_last"}
