"""The weights of a Keras model, from any of the places where Keras has kept them.

    /model_weights/NAME/...       .h5 of a whole model; the layer's attribute `weight_names` lists
    /NAME/...                     .h5 of weights alone, as Keras 2 writes it
    /layers/CLASS_N/vars/0 ...    .weights.h5, alone or in a .keras, counted by class

A nested model is one NAME, in which all trainable weights come first and then all others; its
weights are told apart by their own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from latens.errors import DataError
from latens.formats import _h5
from latens.formats._chain import Array
from latens.formats._keras_row import Node
from latens.nn.chain.shapes import Shape

_NAMES = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
BASES = ("layers", "_layer_checkpoint_dependencies")


@dataclass(frozen=True)
class Wanted:
    """The weights of one layer: where it stood in the file, its name with us, their shapes."""

    node: Node
    name: str
    shapes: Mapping[str, Shape]


def read(file: _h5.Group, wanted: Sequence[Wanted], name: str) -> dict[str, dict[str, Array]]:
    """The weights of all layers by our names.

    Raises `DataError` (``no-weights``, ``weights-disagree`` and what `_h5.array` raises).
    """
    root = _h5.group(file, "model_weights") or file
    if _h5.texts(root, "layer_names") is not None:
        return _by_layer(root, wanted, name)
    if any(_h5.group(file, base) is not None for base in BASES):
        return {w.name: _counted(file, w) for w in wanted}
    if not wanted:
        return {}
    raise DataError(
        f"Expected the weights of a Keras model in {name}; there are none.",
        hint="Save the whole model with model.save(FILE), or its weights with "
        "model.save_weights('NAME.weights.h5').",
        code="no-weights",
    )


def _counted(file: _h5.Group, wanted: Wanted) -> dict[str, Array]:
    """From a file that counts layers by class."""
    path = wanted.node.stored
    if _h5.group(file, path) is None:
        path = path.replace("layers/", "_layer_checkpoint_dependencies/")
    return {
        name: _h5.array(file, f"{path}/{number}", shape)
        for number, (name, shape) in enumerate(wanted.shapes.items())
    }


def _by_layer(root: _h5.Group, wanted: Sequence[Wanted], name: str) -> dict[str, dict[str, Array]]:
    """From a file that lists layers by their names; by order where none of the names is there."""
    listed = _h5.texts(root, "layer_names") or []
    stored = {one: _paths(root, one) for one in listed}
    stored = {one: paths for one, paths in stored.items() if paths}
    outer = list(dict.fromkeys(w.node.names[0] for w in wanted))
    found: dict[str, dict[str, Array]] = {}
    if not set(outer) <= set(stored):
        return _in_order(root, wanted, list(stored.values()), name)
    for one in outer:
        inside = [w for w in wanted if w.node.names[0] == one]
        found |= _of_one(root, inside, stored[one])
    return found


def _in_order(
    root: _h5.Group, wanted: Sequence[Wanted], stored: list[list[str]], name: str
) -> dict[str, dict[str, Array]]:
    """Layer after layer. Raises `DataError` (``weights-disagree``) for another number of them."""
    if len(stored) != len(wanted):
        raise DataError(
            f"Expected weights of {len(wanted)} layers in {name}; it has those of {len(stored)}.",
            hint="The weights belong to another network than the description.",
            code="weights-disagree",
        )
    found: dict[str, dict[str, Array]] = {}
    for one, paths in zip(wanted, stored, strict=True):
        found |= _of_one(root, [one], paths)
    return found


def _of_one(
    root: _h5.Group, inside: Sequence[Wanted], paths: list[str]
) -> dict[str, dict[str, Array]]:
    """The weights of a layer, or of all layers of a nested model, by names and else by order."""
    names = [(w, name) for w in inside for name in w.shapes]
    if len(names) != len(paths):
        raise DataError(
            f"Expected {len(names)} weights of {inside[0].node.names[0]!r}; the file has "
            f"{len(paths)}.",
            hint="The weights belong to another network than the description.",
            code="weights-disagree",
        )
    placed = _named(names, paths) or dict(zip(_trained_first(names), paths, strict=True))
    found: dict[str, dict[str, Array]] = {w.name: {} for w in inside}
    for w, name in names:
        found[w.name][name] = _h5.array(root, placed[(w.name, name)], w.shapes[name])
    return found


def _named(names: list[tuple[Wanted, str]], paths: list[str]) -> dict[tuple[str, str], str] | None:
    """Which path is which, by the last names on it; None where they do not tell."""
    ends = {}
    for path in paths:
        parts = path.split("/")
        ends[tuple(parts[-2:-1]), parts[-1].split(":")[0]] = path
    alone = len({w.name for w, _ in names}) == 1
    found = {}
    for w, name in names:
        matches = [
            path for (layer, kind), path in ends.items()
            if kind == name and (alone or layer == (w.node.names[-1],))
        ]  # fmt: skip
        if len(matches) != 1:
            return None
        found[(w.name, name)] = matches[0]
    return found if len(ends) == len(paths) else None


def _trained_first(names: Iterable[tuple[Wanted, str]]) -> list[tuple[str, str]]:
    """Moving means and variances come last."""
    return [(w.name, n) for w, n in sorted(names, key=lambda pair: pair[1].startswith("moving"))]


def _paths(root: _h5.Group, layer: str) -> list[str]:
    """The paths below `root` of all weights of a layer."""
    found = _h5.group(root, layer)
    if found is None:
        return []
    return [f"{layer}/{name}" for name in _h5.texts(found, "weight_names") or []]
