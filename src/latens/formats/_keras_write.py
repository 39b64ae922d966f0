"""A chain of layers as a Keras model: its description, its weights, and the files of both.

Models are written with channels last, which every backend of Keras runs. A `.h5` is described as
Keras 2 did, which Keras 3 reads too; a `.keras` is for Keras 3.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from latens.formats import _h5
from latens.formats._chain import Array, Chain
from latens.formats._keras_graph import place
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

Style = Literal["keras-2", "keras-3"]
OLD, NEW = "2.4.0", "3.0.0"  # the versions whose way of writing is followed
INPUT = "image"
_CLASSES = {
    "dense": "Dense", "conv": "Conv2D", "conv-transpose": "Conv2DTranspose",
    "batch-norm": "BatchNormalization", "up-sample": "UpSampling2D", "pad": "ZeroPadding2D",
    "crop": "Cropping2D", "noise": "GaussianNoise", "flatten": "Flatten", "reshape": "Reshape",
    "permute": "Permute", "rescale": "Rescaling", "residual": "Add",
}  # fmt: skip
_ORDER = ("gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias")
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


def description(chain: Chain, style: Style) -> dict[str, Any]:
    """The model's description, as Keras writes it into a file."""
    found = entries(chain)
    layers = [(_old if style == "keras-2" else _new)(entry) for entry in found]
    first, last = found[0].name, found[-1].name
    config = {
        "name": "latens", "trainable": True, "layers": layers,
        "input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]],
    }  # fmt: skip
    if style == "keras-2":
        del config["trainable"]
        return {"class_name": "Functional", "config": config}
    return {
        "module": "keras.src.models.functional", "class_name": "Functional", "config": config,
        "registered_name": "Functional",
    }  # fmt: skip


def _old(entry: Entry) -> dict[str, Any]:
    """`[[[name, node, tensor, {}], ...]]` for the inputs of the one call."""
    nodes = [[[name, 0, 0, {}] for name in entry.inputs]] if entry.inputs else []
    config = {**entry.config, "dtype": "float32"}
    if entry.kind == "InputLayer":
        config["batch_input_shape"] = config.pop("shape")
        config |= {"sparse": False, "ragged": False}
    return {
        "class_name": entry.kind, "config": config, "name": entry.name, "inbound_nodes": nodes
    }  # fmt: skip


def _new(entry: Entry) -> dict[str, Any]:
    tensors = [_tensor(name) for name in entry.inputs]
    args = [tensors] if len(tensors) > 1 else tensors
    config = {**entry.config, "dtype": "float32"}
    if entry.kind == "InputLayer":
        config["batch_shape"] = config.pop("shape")
    return {
        "module": "keras.layers", "class_name": entry.kind, "config": config,
        "registered_name": None, "name": entry.name,
        "inbound_nodes": [{"args": args, "kwargs": {}}] if args else [],
    }  # fmt: skip


def _tensor(name: str) -> dict[str, Any]:
    config = {"shape": [None], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def h5(chain: Chain) -> bytes:
    """The model as a .h5 file, as Keras 2 writes it."""
    out = io.BytesIO()
    with _h5.library().File(out, "w") as file:
        _mark(file)
        file.attrs["model_config"] = json.dumps(description(chain, "keras-2"))
        group = file.create_group("model_weights")
        _mark(group)
        names = [entry.name for entry in entries(chain)]
        _listed(group, "layer_names", names)
        weights = _whole(chain)
        for name in names:
            held = weights.get(name, {})
            inner = group.create_group(name)
            _listed(inner, "weight_names", [f"{name}/{kind}:0" for kind in held])
            for kind, array in held.items():
                inner.create_dataset(f"{name}/{kind}:0", data=array)
    return out.getvalue()


def keras(chain: Chain) -> bytes:
    """The model as a .keras archive, as Keras 3 writes it."""
    weights, out = io.BytesIO(), io.BytesIO()
    with _h5.library().File(weights, "w") as file:
        counts: dict[str, int] = {}
        held = _whole(chain)
        for entry in entries(chain):
            path = place(entry.kind, "", counts)
            for number, array in enumerate(held.get(entry.name, {}).values()):
                file.create_dataset(f"{path}/vars/{number}", data=array)
    metadata = {"keras_version": NEW, "date_saved": ""}
    with zipfile.ZipFile(out, "w") as archive:
        _member(archive, "metadata.json", json.dumps(metadata).encode())
        _member(archive, "config.json", json.dumps(description(chain, "keras-3")).encode())
        _member(archive, "model.weights.h5", weights.getvalue())
    return out.getvalue()


def _member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """The same bytes every time: `ZipInfo` has a fixed date."""
    archive.writestr(zipfile.ZipInfo(name), content)


def _whole(chain: Chain) -> dict[str, dict[str, Array]]:
    """The weights in Keras's order; a normalisation without scale or offset gets 1 and 0."""
    found: dict[str, dict[str, Array]] = {}
    for name, held in chain.weights.items():
        if "moving_mean" in held:
            ones = np.ones_like(held["moving_mean"])
            held = {"gamma": ones, "beta": np.zeros_like(ones), **held}
        found[name] = {kind: held[kind] for kind in _ORDER if kind in held}
    return found


def _mark(group: Any) -> None:
    group.attrs["keras_version"] = OLD
    group.attrs["backend"] = "tensorflow"


def _listed(group: Any, name: str, values: list[str]) -> None:
    """A list of names; in numbered pieces where an attribute of HDF5 (64 kB) cannot hold it."""
    encoded = np.array([value.encode() for value in values], dtype="S") if values else np.zeros(0)
    pieces = max(1, -(-encoded.nbytes // 60_000))
    for number, piece in enumerate(np.array_split(encoded, pieces)):
        group.attrs[f"{name}{number}" if pieces > 1 else name] = piece
