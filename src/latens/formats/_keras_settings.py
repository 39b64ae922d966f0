"""What the settings of each class of Keras layer mean, as values for a layer of ours.

Keras numbers the axes of an image as the file's data format says; latens always has channels
first, and remembers the file's order where numbers are laid out in a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from latens.errors import DataError
from latens.formats._keras_graph import require_known
from latens.formats._keras_row import Node
from latens.nn.chain.shapes import Shape
from latens.nn.chain.shapes import in_words as shape_in_words
from latens.spec.layers import Order

_FUNCTIONS = {
    name: name
    for name in (
        "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "tanh",
        "sigmoid", "log_sigmoid", "hard_sigmoid", "hard_silu", "softplus", "softsign", "softmax",
        "log_softmax", "exponential",
    )
} | {"swish": "silu", "hard_swish": "hard_silu", "exp": "exponential"}  # fmt: skip


@dataclass(frozen=True)
class Here:
    """Where in the file we are: its order of axes, the version of Keras, the shape before a layer.

    `grey` is true of an image of height and width alone, which latens gives one channel.
    """

    order: Order
    version: int
    shape: Shape
    grey: bool = False

    @property
    def axes(self) -> tuple[int, ...]:
        """The shape as the file has it."""
        if len(self.shape) == 1 or self.grey:
            return self.shape[-2:] if self.grey else self.shape
        return (*self.shape[1:], self.shape[0]) if self.order == "last" else self.shape


def unsupported(node: Node, what: str, hint: str) -> DataError:
    """The error for what latens has no layer for."""
    return DataError(
        f"Expected layers that latens knows; got {what}.",
        hint=hint or f"It knows {', '.join(sorted(set(MAKERS) - {'Residual', 'MeanMax'}))}.",
        code="unsupported-layer",
    )


def function(node: Node, here: Here, value: Any) -> dict[str, Any]:
    """An activation, from its name or from the description of a layer in its place."""
    if value is None:
        return {"function": "linear"}
    if isinstance(value, Mapping):
        kind = require_known(value)
        if kind != "function" and kind in _ACTIVATIONS:
            inner = replace(node, kind=kind, config=value.get("config") or {})
            made_of = MAKERS[kind](inner, here)
            assert made_of is not None
            return {key: made_of[key] for key in made_of if key != "kind"}
        value = value.get("config") if kind == "function" else kind
        value = value.get("name") if isinstance(value, Mapping) else value
    if value not in _FUNCTIONS:
        raise DataError(
            f"Expected an activation of Keras; {node.key!r} has {str(value)[:60]!r}.",
            hint=f"latens knows {', '.join(sorted(_FUNCTIONS))}.",
            code="custom-object",
        )
    name = _FUNCTIONS[value]
    if name in ("softmax", "log_softmax"):
        _require_last_axis(node, here, -1)
    old = name == "hard_sigmoid" and here.version < 3
    return {"function": "hard_sigmoid_tf" if old else name}


def _require_last_axis(node: Node, here: Here, axis: Any) -> None:
    """A softmax is over the classes, which are channels here."""
    rank = len(here.axes)
    place = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    channels = rank if here.order == "last" or rank == 1 else 1
    if place != channels and not (place == -1 and channels == rank):
        raise unsupported(node, f"a softmax over axis {axis} in {node.key!r}", "Use the channels.")


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


def _dense(node: Node, here: Here) -> dict[str, Any]:
    config = node.config
    if len(here.shape) != 1:
        raise unsupported(
            node, f"the Dense layer {node.key!r} on {shape_in_words(here.shape)}",
            "Flatten the maps before it.",
        )  # fmt: skip
    return {
        "kind": "dense", "units": config["units"], "bias": config.get("use_bias", True),
        "activation": config.get("activation"),
    }  # fmt: skip


def _conv(node: Node, here: Here) -> dict[str, Any]:
    config = node.config
    return {
        "kind": "conv", "filters": config["filters"],
        "kernel_size": _pair(config["kernel_size"]), "strides": _pair(config.get("strides", 1)),
        "dilation": _pair(config.get("dilation_rate", 1)),
        "padding": config.get("padding", "valid"), "groups": config.get("groups", 1),
        "bias": config.get("use_bias", True), "activation": config.get("activation"),
    }  # fmt: skip


def _transpose(node: Node, here: Here) -> dict[str, Any]:
    """Keras 2 may write `groups` of a transpose, which it never used but as 1."""
    values = _conv(node, here)
    if values.pop("groups") != 1:
        raise unsupported(node, f"a Conv2DTranspose in groups, {node.key!r}", "Use one group.")
    extra = node.config.get("output_padding")
    return {
        **values, "kind": "conv-transpose",
        "output_padding": None if extra is None else _pair(extra),
    }  # fmt: skip


def _norm(node: Node, here: Here) -> dict[str, Any]:
    config, rank = node.config, len(here.axes)
    axis = config.get("axis", -1)
    place = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    channels = rank if here.order == "last" or rank == 1 else 1
    if place not in (channels, channels - rank - 1):
        raise unsupported(node, f"BatchNormalization {node.key!r} over axis {axis}",
                          "Normalise the channels.")  # fmt: skip
    return {
        "kind": "batch-norm", "epsilon": config.get("epsilon", 1e-3),
        "momentum": round(1 - config.get("momentum", 0.99), 12),
        "center": config.get("center", True), "scale": config.get("scale", True),
    }  # fmt: skip


def _pool(how: str) -> Callable[[Node, Here], dict[str, Any]]:
    def make(node: Node, here: Here) -> dict[str, Any]:
        config = node.config
        size = _pair(config.get("pool_size", 2))
        strides = config.get("strides")
        return {
            "kind": "pool", "how": how, "pool_size": size,
            "strides": size if strides is None else _pair(strides),
            "padding": config.get("padding", "valid"),
        }  # fmt: skip

    return make


def _global_pool(how: str) -> Callable[[Node, Here], dict[str, Any]]:
    def make(node: Node, here: Here) -> dict[str, Any]:
        if node.config.get("keepdims"):
            raise unsupported(node, f"{node.kind} {node.key!r} with keepdims", "Leave it out.")
        return {"kind": "global-pool", "how": how}

    return make


def _up(node: Node, here: Here) -> dict[str, Any]:
    return {
        "kind": "up-sample", "size": _pair(node.config.get("size", 2)),
        "interpolation": node.config.get("interpolation", "nearest"),
    }  # fmt: skip


def _edges(kind: str, setting: str) -> Callable[[Node, Here], dict[str, Any]]:
    def make(node: Node, here: Here) -> dict[str, Any]:
        value = node.config[setting]
        tops, sides = (value, value) if isinstance(value, int) else value
        return {"kind": kind, "edges": (_pair(tops), _pair(sides))}

    return make


def _dropout(node: Node, here: Here) -> dict[str, Any]:
    channels = node.kind == "SpatialDropout2D"
    return {"kind": "dropout", "rate": node.config["rate"], "channels": channels}


def _noise(node: Node, here: Here) -> dict[str, Any]:
    return {"kind": "noise", "std": node.config["stddev"]}


def _flatten(node: Node, here: Here) -> dict[str, Any] | None:
    """Keras moves the axes of a `channels_first` map before it flattens it, but only if told."""
    if len(here.shape) == 1:
        return None
    told = node.config.get("data_format") == "channels_first"
    moved = here.order == "last" or told
    if told and (here.order == "last" or here.grey):
        raise unsupported(node, f"Flatten {node.key!r} of another data format",
                          "Use that of the other layers.")  # fmt: skip
    return {"kind": "flatten", "order": "last" if moved else "first"}


def _reshape(node: Node, here: Here) -> dict[str, Any]:
    total = math.prod(here.shape)
    target = [int(n) for n in node.config["target_shape"]]
    if target.count(-1) == 1:
        known = math.prod(n for n in target if n != -1)
        target[target.index(-1)] = total // known if known else 0
    if len(target) not in (1, 2, 3) or min(target) < 1:
        raise unsupported(node, f"a Reshape to {tuple(target)} in {node.key!r}", "")
    if len(target) == 2:
        target = [*target, 1] if here.order == "last" else [1, *target]
    if len(target) == 3 and here.order == "last":
        target = [target[2], *target[:2]]
    return {"kind": "reshape", "shape": tuple(target), "order": here.order}


def _permute(node: Node, here: Here) -> dict[str, Any]:
    axes = tuple(int(axis) - 1 for axis in node.config["dims"])
    return {"kind": "permute", "axes": axes, "order": here.order}


def _relu(node: Node, here: Here) -> dict[str, Any]:
    config = node.config
    given = {
        "slope": config.get("negative_slope") or None, "ceiling": config.get("max_value"),
        "threshold": config.get("threshold") or 0.0,
    }  # fmt: skip
    return {"kind": "activation", "function": "relu", **given}


def _leaky(node: Node, here: Here) -> dict[str, Any]:
    config = node.config
    slope = config.get("negative_slope", config.get("alpha", 0.3))
    return {"kind": "activation", "function": "leaky_relu", "slope": slope}


def _elu(node: Node, here: Here) -> dict[str, Any]:
    return {"kind": "activation", "function": "elu", "slope": node.config.get("alpha", 1.0)}


def _softmax(node: Node, here: Here) -> dict[str, Any]:
    _require_last_axis(node, here, node.config.get("axis", -1))
    return {"kind": "activation", "function": "softmax"}


def _activation(node: Node, here: Here) -> dict[str, Any]:
    return {"kind": "activation", **function(node, here, node.config["activation"])}


def _rescale(node: Node, here: Here) -> dict[str, Any]:
    return {
        "kind": "rescale",
        "scale": node.config["scale"],
        "offset": node.config.get("offset", 0.0),
    }


def _nothing(node: Node, here: Here) -> None:
    return None


_ACTIVATIONS = ("ReLU", "LeakyReLU", "ELU", "Softmax", "Activation")
ANY = (
    *_ACTIVATIONS, "Flatten", "Reshape", "Dropout", "GaussianNoise", "Rescaling", "InputLayer",
    "ActivityRegularization", "Identity",
)  # fmt: skip
MAKERS: dict[str, Callable[[Node, Here], dict[str, Any] | None]] = {
    "Dense": _dense,
    "Conv2D": _conv,
    "Conv2DTranspose": _transpose,
    "BatchNormalization": _norm,
    "MaxPooling2D": _pool("max"),
    "AveragePooling2D": _pool("average"),
    "GlobalAveragePooling2D": _global_pool("average"),
    "GlobalMaxPooling2D": _global_pool("max"),
    "MeanMax": _global_pool("mean-max"),
    "UpSampling2D": _up,
    "ZeroPadding2D": _edges("pad", "padding"),
    "Cropping2D": _edges("crop", "cropping"),
    "Dropout": _dropout,
    "SpatialDropout2D": _dropout,
    "GaussianNoise": _noise,
    "ActivityRegularization": _nothing,
    "Identity": _nothing,
    "InputLayer": _nothing,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "ELU": _elu,
    "Softmax": _softmax,
    "Activation": _activation,
    "Rescaling": _rescale,
}
"""By Keras's name of the class. Newer names of the same: "MaxPool2D" is never written."""
