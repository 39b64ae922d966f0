"""Each layer of a Keras file as a layer of `latens.spec.layers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from latens.errors import DataError, in_words
from latens.formats._keras_row import Node, bad
from latens.formats._keras_settings import ANY, MAKERS, Here, function, unsupported
from latens.spec.layers import Layer, Order

FORMATS: dict[str, Order] = {"channels_last": "last", "channels_first": "first"}
_ONE: TypeAdapter[Layer] = TypeAdapter(Layer)


def layers(node: Node, here: Here, name: str) -> list[Layer]:
    """A layer of the file as one of ours, two where it has an activation with numbers, or none.

    Raises `DataError` (``unsupported-layer``, ``bad-description``, ``custom-object``).
    """
    maker = MAKERS.get(node.kind)
    if maker is None:
        raise unsupported(node, f"the layer {node.key!r} of the class {node.kind}", "")
    if here.grey and node.kind not in ANY:
        raise unsupported(
            node, f"{node.kind} {node.key!r} on images without an axis of channels",
            "Add one with Reshape((height, width, 1)).",
        )  # fmt: skip
    try:
        found = maker(node, here)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise bad(f"the layer {node.key!r} lacks a setting or has one of another form") from error
    return _with_activation(node, here, name, found)


def order_of(nodes: list[Node], shape: tuple[int | None, ...]) -> Order:
    """The order of axes in the whole file.

    Raises `DataError` (``mixed-orders``) where layers disagree.
    """
    every = [inner for node in nodes for inner in (node, *node.inner)]
    told = {
        str(node.config["data_format"])
        for node in every
        if node.config.get("data_format") and node.kind != "Flatten"
    }
    if len(told) > 1 or not told <= FORMATS.keys():
        raise DataError(
            f"Expected layers of one data format; got {', '.join(sorted(told))}.",
            hint="Rebuild the model with channels_last throughout.",
            code="mixed-orders",
        )
    if told:
        return FORMATS[told.pop()]
    first = len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
    return "first" if first else "last"


def made(name: str, values: Mapping[str, Any]) -> Layer:
    """A layer from its values. Raises `DataError` (``bad-description``) for one out of bounds."""
    try:
        return _ONE.validate_python({**values, "name": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        wanted = in_words(first["type"], first.get("ctx", {}))
        raise bad(f"the layer {name!r} has {place} {str(first['input'])[:40]!r} where "
                  f"{wanted} is expected") from error  # fmt: skip


def _with_activation(
    node: Node, here: Here, name: str, values: dict[str, Any] | None
) -> list[Layer]:
    if values is None:
        return []
    if "activation" not in values:
        return [made(name, values)]
    told = function(node, here, values["activation"])
    if set(told) == {"function"}:
        return [made(name, {**values, "activation": told["function"]})]
    after = {"kind": "activation", **told}
    return [made(name, {**values, "activation": "linear"}), made(f"{name}_activation", after)]
