"""The description of a Keras model, as Keras 2 and 3 write it, turned into its layers in a row.

Nothing in it is executed: a layer is its class's name and plain settings. Models inside models are
opened up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from latens.errors import DataError
from latens.formats._keras_row import MOST, Node, bad, in_a_row

LARGEST = 1 << 24  # bytes of a description; real ones have some kilobytes a layer
DEEPEST = 20  # models inside models
MODELS = ("Sequential", "Functional", "Model")


@dataclass
class _Graph:
    """All nodes by their keys, and what stands for the output of a nested model."""

    nodes: dict[str, Node] = field(default_factory=dict)
    same_as: dict[str, str] = field(default_factory=dict)

    def real(self, key: str) -> str:
        seen = 0
        while key in self.same_as and seen <= MOST:
            key, seen = self.same_as[key], seen + 1
        return key


def parse(text: str) -> dict[str, Any]:
    """A description from JSON. Raises `DataError` (``bad-description``, ``too-large``)."""
    if len(text) > LARGEST:
        raise DataError(
            f"Expected a description of at most {LARGEST >> 20} MB; this file's has "
            f"{len(text) / (1 << 20):,.0f} MB.",
            hint="No Keras file is like that: get it anew from where it came from.",
            code="too-large",
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad("it is not readable JSON") from error
    if not isinstance(value, dict):
        raise bad("it does not describe a model")
    return value


def unravel(model: Mapping[str, Any]) -> tuple[tuple[int | None, ...], list[Node]]:
    """The shape of one input (without the batch) and the layers from the image on.

    Raises `DataError`: ``bad-description``, ``custom-object``, ``lambda-layer``, ``merge-layer``,
    ``several-inputs``, ``several-outputs``, ``shared-layer``, ``no-input-shape``.
    """
    graph = _Graph()
    try:
        start, end, shape = _model(graph, model, (), "", None, 0)
        inputs = {key: [graph.real(i) for i in node.inputs] for key, node in graph.nodes.items()}
        chain = in_a_row(graph.nodes, inputs, graph.real(start), graph.real(end))
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise bad("a part of it is missing or of another form") from error
    if shape is None:
        raise DataError(
            "Expected a model that knows the shape of its images; this one was saved before it "
            "was built.",
            hint="Call model.build((None, 28, 28, 1)), with your size, before you save it.",
            code="no-input-shape",
        )
    return shape, chain


def require_known(entry: Mapping[str, Any]) -> str:
    """The class of a layer. Raises `DataError` if it is code of the user's, by its name."""
    kind, module = str(entry["class_name"]), entry.get("module")
    registered = str(entry.get("registered_name") or "")
    own = module is not None and str(module).split(".")[0] not in ("keras", "builtins")
    if kind in ("Lambda", "__lambda__"):
        name = (
            (entry.get("config") or {}).get("name") if isinstance(entry.get("config"), dict) else ""
        )
        raise DataError(
            f"Expected layers that are described, not programmed; got the Lambda layer {name!r}.",
            hint="latens runs no code from a file: replace it by layers of Keras (Rescaling, "
            "Activation, Reshape) and save the model again.",
            code="lambda-layer",
        )
    if own or ">" in registered or ">" in kind:
        raise DataError(
            f"Expected layers of Keras itself; got the custom object {registered or kind!r}.",
            hint="latens runs no code from a file: rebuild the model from layers of Keras.",
            code="custom-object",
        )
    return kind


def _model(
    graph: _Graph,
    entry: Mapping[str, Any],
    names: tuple[str, ...],
    stored: str,
    source: str | None,
    depth: int,
) -> tuple[str, str, tuple[int | None, ...] | None]:
    """Add a model's layers to the graph; returns its first and last keys and its input's shape.

    `source` is what a nested model reads.
    """
    kind = require_known(entry)
    if kind not in MODELS:
        raise DataError(
            f"Expected a Sequential or functional model; got one of the class {kind!r}.",
            hint="latens runs no code from a file: rebuild the model from layers of Keras, or "
            "save the functional model that is inside it.",
            code="custom-object",
        )
    if depth > DEEPEST or len(graph.nodes) > MOST:
        raise bad("it has more layers or nested models than any real one")
    config = entry["config"]
    layers = config if isinstance(config, list) else config["layers"]  # a list: before Keras 2.2.3
    if kind == "Sequential" or isinstance(config, list):
        return _sequential(graph, entry, layers, names, stored, source, depth)
    return _functional(graph, config, layers, names, stored, source, depth)


def _sequential(
    graph: _Graph, entry: Mapping[str, Any], layers: list[Any], names: tuple[str, ...],
    stored: str, source: str | None, depth: int,
) -> tuple[str, str, tuple[int | None, ...] | None]:  # fmt: skip
    shape = _shape_of(layers[0]) or _built_shape(entry)
    used: dict[str, int] = {}
    start = source or "/".join((*names, "input"))
    if source is None:
        graph.nodes[start] = Node(start, "InputLayer", {}, (), (*names, "input"), "")
    before = start
    for layer in layers:
        there = place(str(layer["class_name"]), stored, used)
        if layer["class_name"] == "InputLayer":
            continue
        before, inner = _add(graph, layer, names, there, (before,), depth)
        shape = shape or inner
    return start, before, shape


def _functional(
    graph: _Graph, config: Mapping[str, Any], layers: list[Any], names: tuple[str, ...],
    stored: str, source: str | None, depth: int,
) -> tuple[str, str, tuple[int | None, ...] | None]:  # fmt: skip
    ends = {way: list(_references(config[f"{way}_layers"])) for way in ("input", "output")}
    for way, found in ends.items():
        if len(found) != 1:
            raise DataError(
                f"Expected a model with one {way}; this one has {len(found)} ({', '.join(found)}).",
                hint=f"Save a model of one {way}: Model(inputs, outputs) on the same layers.",
                code=f"several-{way}s",
            )
    shape: tuple[int | None, ...] | None = None
    used: dict[str, int] = {}
    inside = {_name(layer) for layer in layers}
    for layer in layers:
        there = place(str(layer["class_name"]), stored, used)
        key = "/".join((*names, _name(layer)))
        if layer["class_name"] == "InputLayer":
            shape = shape or _shape_of(layer)
            if source is not None:
                graph.same_as[key] = source
            else:
                graph.nodes[key] = Node(key, "InputLayer", {}, (), (*names, _name(layer)), "")
            continue
        inputs = tuple("/".join((*names, name)) for name in _inputs(layer) if name in inside)
        _add(graph, layer, names, there, inputs, depth)
    first, last = ("/".join((*names, ends[way][0])) for way in ("input", "output"))
    return first, last, shape


def _add(
    graph: _Graph, layer: Mapping[str, Any], names: tuple[str, ...], stored: str,
    inputs: tuple[str, ...], depth: int,
) -> tuple[str, tuple[int | None, ...] | None]:  # fmt: skip
    """Add a layer or a nested model; returns the key of what it gives and its input's shape."""
    kind = require_known(layer)
    path = (*names, _name(layer))
    key = "/".join(path)
    if kind in MODELS or "layers" in layer["config"]:
        if len(inputs) != 1:
            raise bad(f"the model {key} reads {len(inputs)} inputs")
        _, end, shape = _model(graph, layer, path, stored, inputs[0], depth + 1)
        if end != key:
            graph.same_as[key] = end
        return end, shape
    if key in graph.nodes:
        raise bad(f"two layers are called {key}")
    graph.nodes[key] = Node(key, kind, layer["config"], inputs, path, f"{stored}/vars")
    return key, None


def _name(layer: Mapping[str, Any]) -> str:
    name = layer.get("name") or layer["config"].get("name")
    if not isinstance(name, str) or not name:
        raise bad("a layer has no name")
    return name.replace("/", "_")


def place(kind: str, stored: str, used: dict[str, int]) -> str:
    """Where newer files keep the weights of a layer: they count the layers of each class."""
    snake = re.sub(r"\W+", "", kind)
    snake = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", snake)
    snake = re.sub("([a-z])([A-Z])", r"\1_\2", snake).lower()
    number = used[snake] = used.get(snake, -1) + 1
    return f"{stored}/layers/{snake}{f'_{number}' if number else ''}".lstrip("/")


def _inputs(layer: Mapping[str, Any]) -> list[str]:
    """The names of those that a layer of a functional model reads."""
    nodes = layer.get("inbound_nodes") or []
    if len(nodes) > 1:
        raise DataError(
            f"Expected each layer to be used once; {_name(layer)!r} is used {len(nodes)} times.",
            hint="latens reads chains of layers: import a model in which it is used once.",
            code="shared-layer",
        )
    return [name.replace("/", "_") for name in _references(nodes)]


def _references(value: Any, depth: int = 0) -> Iterator[str]:
    """The names in ["conv2d", 0, 0], at any depth and in both forms that Keras has."""
    if depth > DEEPEST:
        raise bad("its layers are joined in a form that is not Keras's")
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield str(value["config"]["keras_history"][0])
            return
        value = list(value.values())
    if not isinstance(value, list):
        return
    if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        yield value[0]
        value = value[3:]
    for part in value:
        yield from _references(part, depth + 1)


def _shape_of(layer: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    """The input shape that a layer knows, without the batch."""
    config = layer["config"]
    if not isinstance(config, Mapping):
        return None
    for name in ("batch_shape", "batch_input_shape"):
        if config.get(name):
            return _checked(config[name])
    if config.get("layers"):
        return _shape_of(config["layers"][0]) or _built_shape(layer)
    return None


def _built_shape(entry: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    config = entry["config"] if isinstance(entry["config"], Mapping) else {}
    shape = (entry.get("build_config") or {}).get("input_shape") or config.get("build_input_shape")
    return _checked(shape) if shape else None


def _checked(shape: Any) -> tuple[int | None, ...]:
    inner = tuple(shape)[1:]
    if len(inner) > 3 or any(
        n is not None and (not isinstance(n, int) or not 1 <= n <= 1 << 20) for n in inner
    ):
        raise bad(f"its images have the shape {str(shape)[:60]}")
    return inner
