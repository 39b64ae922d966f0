"""A Keras model file as a chain of layers; see `latens.formats.keras`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from latens.errors import DataError, UsageError
from latens.formats import _h5, _keras_graph, _keras_layers, _keras_row, _keras_weights, _zip
from latens.formats._chain import Chain, weighted
from latens.formats._keras_entries import class_name
from latens.formats._keras_row import Node
from latens.formats._keras_settings import Here
from latens.formats._keras_weights import Wanted
from latens.formats._keras_write import MARK
from latens.nn.chain.shapes import Shape, step
from latens.spec.layers import Layer, Order, ResidualLayer, every

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
Axes = tuple[int | None, ...]


@dataclass(frozen=True)
class _Writer:
    """Who wrote a file: the version of Keras, and that of latens where it was latens."""

    keras: str = ""
    latens: str = ""

    def __str__(self) -> str:
        if self.latens:
            return f"latens {self.latens}"
        return f"Keras {self.keras}" if self.keras else "Keras"


@dataclass(frozen=True)
class _Described:
    """What the description says: our layers, and the layers of the file that each came from."""

    image_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    nodes: Mapping[str, Node]
    ends: Mapping[str, int]


def read(file: Path, *, size: tuple[int, int] | None, like: Chain | Path | None) -> Chain:
    """See `latens.formats.keras.read`."""
    with _opened(file) as (content, text, writer):
        if text is None:
            described = _likeness(file, size, like, writer.keras)
        elif like is not None:
            raise UsageError(
                f"Expected no description beside {file.name}, which has its own.",
                hint="Leave --like out: it is for files of weights alone.",
                code="without-effect",
            )
        else:
            described = describe(text, writer.keras, size)
        wanted = _wanted(described)
        weights = _keras_weights.read(content, wanted, file.name)
    return Chain(
        described.image_shape, described.layers, weights, ends=described.ends,
        written_by=str(writer),
    )  # fmt: skip


def describe(text: str, version: str, size: tuple[int, int] | None) -> _Described:
    """The layers that a description (JSON) has. Raises `DataError` for what latens cannot hold."""
    model = _keras_graph.parse(text)
    shape, nodes = _keras_graph.unravel(model)
    order = _keras_layers.order_of(nodes, shape)
    axes = _sized(shape, order, size)
    major = int(found[0]) if (found := re.match(r"\d+", version)) else 3 if "module" in model else 2
    return _described(nodes, _image(axes, order), axes, order, major)


def _described(
    nodes: list[Node], image: tuple[int, int, int], axes: tuple[int, ...], order: Order, major: int
) -> _Described:
    here = Here(order, major, image, grey=len(axes) == 2)
    found: list[Layer] = []
    if len(axes) == 1:  # images as rows of numbers: latens has them as images
        found.append(_keras_layers.made("rows", {"kind": "flatten", "order": order}))
        here = replace(here, shape=axes)
    maker = _Maker({layer.name for layer in found})
    ends: dict[str, int] = {}
    for node in nodes:
        made, here = maker.layers(node, here)
        found += made
        ends.setdefault(node.names[-1], len(found) - 1)
        for depth in range(1, len(node.names)):  # a nested model ends where its last layer does
            ends["/".join(node.names[:depth])] = len(found) - 1
        ends[node.key] = len(found) - 1
    if math.prod(here.shape) == math.prod(image) and here.shape != image:
        back = {"kind": "reshape", "shape": image, "order": order}
        found.append(_keras_layers.made("images", back))
    if not found:
        raise _keras_row.bad("it has no layers")
    return _Described(image, tuple(found), maker.nodes, ends)


class _Maker:
    """Makes our layers of the file's, and gives each a name that is its own and torch's to use."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.nodes: dict[str, Node] = {}

    def layers(self, node: Node, here: Here) -> tuple[list[Layer], Here]:
        """The layers of a node, and where we are after them."""
        name = self._name(node)
        if node.kind == "Residual":
            inner, inside = [], here
            for each in node.inner:
                made, inside = self.layers(each, inside)
                inner += made
            found: list[Layer] = [ResidualLayer(name=name, layers=tuple(inner))]
        else:
            found = _keras_layers.layers(node, here, name)
        shape = here.shape
        for layer in found:
            self.taken.add(layer.name)
            self.nodes[layer.name] = node
            shape = _stepped(layer, shape)
        grey = here.grey and shape == here.shape and node.kind != "Reshape"
        return found, replace(here, shape=shape, grey=grey)

    def _name(self, node: Node) -> str:
        plain = re.sub(r"[^\w-]", "_", node.names[-1])[:100]
        plain = plain if re.match(r"\w", plain) else f"layer_{plain}"
        if plain in self.taken and len(node.names) > 1:
            plain = re.sub(r"[^\w-]", "_", f"{node.names[-2]}_{plain}")[:200]
        if hasattr(nn.Sequential, plain) or plain == "training":
            plain = f"{plain}_layer"
        number, name = 1, plain
        while name in self.taken:
            number += 1
            name = f"{plain}_{number}"
        self.taken.add(name)
        return name


def _stepped(layer: Layer, shape: Shape) -> Shape:
    """`step`, whose complaint is about the file here."""
    try:
        return step(layer, shape)
    except UsageError as error:
        raise DataError(error.message, hint=error.hint, code=error.code) from error


def _sized(shape: Axes, order: Order, size: tuple[int, int] | None) -> tuple[int, ...]:
    """The input's shape with the height and width that the file leaves open."""
    if None not in shape:
        return tuple(n for n in shape if n is not None)
    if size is None or len(shape) < 2:
        raise DataError(
            f"Expected a model for images of one size; this one leaves it open ({shape}).",
            hint="Say the size of your images: --size 28x28.",
            code="open-size",
        )
    axes = list(shape)
    first = 1 if len(shape) == 3 and order == "first" else 0
    axes[first : first + 2] = size
    if None in axes:
        raise _keras_row.bad(f"its images have the shape {shape}")
    return tuple(n for n in axes if n is not None)


def _image(axes: tuple[int, ...], order: Order) -> tuple[int, int, int]:
    """Channels, height and width of the images that a model reads."""
    if len(axes) == 3:
        return (axes[2], axes[0], axes[1]) if order == "last" else (axes[0], axes[1], axes[2])
    if len(axes) == 2:
        return 1, axes[0], axes[1]
    for channels in (1, 3):
        side = math.isqrt(axes[0] // channels)
        if channels * side * side == axes[0]:
            return channels, side, side
    raise DataError(
        f"Expected a model of square images; it reads rows of {axes[0]} numbers.",
        hint="Put Reshape or Flatten(input_shape=(height, width, channels)) before its first "
        "layer and save it again.",
        code="not-square",
    )


def _wanted(described: _Described) -> list[Wanted]:
    shapes = weighted(described.layers, described.image_shape)
    return [Wanted(described.nodes[one.name], one.name, its) for one, its in shapes]


def _likeness(
    file: Path, size: tuple[int, int] | None, like: Chain | Path | None, version: str
) -> _Described:
    """What a file of weights alone is matched to."""
    if like is None:
        raise UsageError(
            f"Expected the description of a model in {file.name}; it holds weights alone.",
            hint="Say what they belong to: --like RUN, or --like of a Keras model or its JSON.",
            code="no-description",
        )
    if isinstance(like, Chain):
        return _of_chain(like)
    if like.suffix == ".json":
        return describe(like.read_text("utf-8", "replace"), version, size)
    with _opened(like) as (_, text, writer):
        if text is None:
            raise UsageError(
                f"Expected the description of a model in {like.name}; it holds weights alone.",
                hint="Use a file that model.save(FILE) wrote, or the JSON of model.to_json().",
                code="no-description",
            )
        return describe(text, writer.keras, size)


def _of_chain(chain: Chain) -> _Described:
    """A chain of ours as the file that we would have written."""
    counts: dict[str, int] = {}
    nodes = {}
    for layer in every(chain.layers):
        kind = class_name(layer)
        place = _keras_graph.place(kind, "", counts)
        nodes[layer.name] = Node(layer.name, kind, {}, (), (layer.name,), f"{place}/vars")
    ends = {layer.name: place for place, layer in enumerate(chain.layers)}
    return _Described(chain.image_shape, chain.layers, nodes, ends)


@contextmanager
def _opened(file: Path) -> Iterator[tuple[_h5.Group, str | None, _Writer]]:
    """The file's weights, its description (None for weights alone) and who wrote it.

    Raises `DataError` (``no-file``, ``no-keras-file`` and for what is damaged).
    """
    start = _start(file)
    if start.startswith(ZIP):
        listed = _zip.names(file)
        if "config.json" not in listed:
            raise _no_keras(file, "an archive without config.json")
        with _zip.member(file, "config.json") as config:
            text = config.read_text("utf-8", "replace")
        writer = _writer_of(file) if "metadata.json" in listed else _Writer()
        with (
            _zip.member(file, "model.weights.h5") as weights,
            _h5.opened(weights, file.name) as content,
        ):
            yield content, text, writer
    elif start.startswith(HDF5):
        with _h5.opened(file, file.name) as content:
            versions = (_h5.text(content, name) or "" for name in ("keras_version", MARK))
            yield content, _h5.text(content, "model_config"), _Writer(*versions)
    else:
        raise _no_keras(file, "a file of another kind")


def _writer_of(file: Path) -> _Writer:
    with _zip.member(file, "metadata.json") as metadata:
        values = _keras_graph.parse(metadata.read_text("utf-8", "replace"))
    return _Writer(*(str(values.get(name, ""))[:40] for name in ("keras_version", MARK)))


def _start(file: Path) -> bytes:
    if file.is_dir():
        raise _no_keras(file, "a folder (perhaps TensorFlow's SavedModel)")
    if not file.is_file():
        raise DataError(
            f"Expected a Keras file; there is nothing at {file}.",
            hint="Check the path.",
            code="no-file",
        )
    with file.open("rb") as opened:
        return opened.read(8)


def _no_keras(file: Path, what: str) -> DataError:
    return DataError(
        f"Expected a Keras file (.keras or .h5); {file.name} is {what}.",
        hint="Save the model with model.save('NAME.keras') or model.save('NAME.h5').",
        code="no-keras-file",
    )
