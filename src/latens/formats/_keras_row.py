"""The layers of a graph in a row, from the image to the output.

What branches is read where it comes together again by addition (a residual block), or as means
beside maxima; anything else that merges is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from latens.errors import DataError

MOST = 5_000  # layers
MERGE = (
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot",
    "Attention", "MultiHeadAttention",
)  # fmt: skip
Inputs: TypeAlias = Mapping[str, list[str]]
"""By each layer's key, the keys of those that it reads."""


@dataclass(frozen=True)
class Node:
    """One layer of the file.

    Attributes:
        key: its name, after those of the models around it: "decoder/conv2d".
        kind: Keras's name of its class. `config` its settings.
        inputs: the keys of those that it reads.
        names: as `key`, in parts. `stored`: where newer files keep its weights.
        inner: of a residual block, the layers between.
    """

    key: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    names: tuple[str, ...]
    stored: str
    inner: tuple[Node, ...] = ()


def bad(why: str) -> DataError:
    """The error for a description that makes no sense."""
    return DataError(
        f"Expected the description of a Keras model; {why}.",
        hint="Save the model again with model.save(FILE).",
        code="bad-description",
    )


def in_a_row(nodes: Mapping[str, Node], inputs: Inputs, start: str, end: str) -> list[Node]:
    """The layers between, which must be in a row; residual blocks are one each."""
    readers = _readers(inputs, start, end)
    return list(_walk(nodes, readers, inputs, start, end))


def _readers(inputs: Inputs, start: str, end: str) -> dict[str, list[str]]:
    """Who reads each key, among those that the end depends on."""
    needed, waiting = {end}, [end]
    while waiting:
        for key in inputs[waiting.pop()]:
            if key not in needed:
                needed.add(key)
                waiting.append(key)
    if start not in needed:
        raise bad("its output does not depend on its input")
    readers: dict[str, list[str]] = {key: [] for key in needed}
    for key in needed:
        for source in inputs[key]:
            readers[source].append(key)
    return readers


def _walk(
    nodes: Mapping[str, Node], readers: Inputs, inputs: Inputs, here: str,
    end: str,
) -> Iterator[Node]:  # fmt: skip
    steps = 0
    while here != end:
        steps += 1
        following = readers[here]
        if steps > MOST or not following:
            raise bad("its layers go round in a circle")
        if len(following) == 1 and len(inputs[following[0]]) == 1:
            node = nodes[following[0]]
        elif len(following) == 2:
            node = _joined(nodes, readers, inputs, here, following)
        else:
            raise _merge(nodes, readers, inputs, here)
        yield node
        here = node.key


def _joined(
    nodes: Mapping[str, Node], readers: Inputs, inputs: Inputs, fork: str,
    following: list[str],
) -> Node:  # fmt: skip
    """What two ways from a fork come together in: a residual block, or means beside maxima."""
    kinds = [nodes[key].kind for key in following]
    for key, other in (following, following[::-1]):
        node = nodes[key]
        if node.kind == "Add" and fork in inputs[key] and len(inputs[key]) == 2:
            last = next(i for i in inputs[key] if i != fork)
            first = nodes[other]
            if inputs[other] == [fork]:
                rest = [] if other == last else _walk(nodes, readers, inputs, other, last)
                return replace(node, kind="Residual", inner=(first, *rest))
    after = {reader for key in following for reader in readers[key]}
    if sorted(kinds) == ["GlobalAveragePooling2D", "GlobalMaxPooling2D"] and len(after) == 1:
        node = nodes[after.pop()]
        order = [nodes[i].kind for i in inputs[node.key]]
        if node.kind == "Concatenate" and order == ["GlobalAveragePooling2D", "GlobalMaxPooling2D"]:
            return replace(node, kind="MeanMax", config=nodes[following[0]].config)
    raise _merge(nodes, readers, inputs, fork)


def _merge(nodes: Mapping[str, Node], readers: Inputs, inputs: Inputs, fork: str) -> DataError:
    """The error for a network that is no row of layers, with the layer where ways meet."""
    meets = [key for key in readers if len(inputs[key]) > 1]
    named = next((k for k in meets if nodes[k].kind in MERGE), meets[0] if meets else fork)
    node = nodes[named]
    return DataError(
        f"Expected layers in a row; in this model ways branch after {fork!r} and meet in the "
        f"{node.kind} layer {named!r}.",
        hint="latens reads chains, with residual blocks x + f(x) in them: import a part of the "
        "model that is one.",
        code="merge-layer",
    )
