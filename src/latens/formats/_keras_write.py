"""A chain of layers as a Keras model: its description, its weights, and the files of both.

Models are written with channels last, which every backend of Keras runs. A `.h5` is described as
Keras 2 did, which Keras 3 reads too; a `.keras` is for Keras 3.
"""

from __future__ import annotations

import io
import json
import zipfile
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from latens.formats import _h5
from latens.formats._chain import Array, Chain
from latens.formats._keras_entries import Entry, entries
from latens.formats._keras_graph import place

Style = Literal["keras-2", "keras-3"]
OLD, NEW = "2.4.0", "3.0.0"  # the versions whose way of writing is followed
MARK = "latens_version"  # says that the file is ours; Keras does not look at it
_ORDER = ("gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias")


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
        file.attrs.update(_marked(chain))
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
    metadata = {"keras_version": NEW, "date_saved": "", **_marked(chain)}
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


def _marked(chain: Chain) -> dict[str, str]:
    """The version of latens; nothing where the network came from elsewhere and went through."""
    elsewhere = chain.written_by and not chain.written_by.startswith("latens")
    return {} if elsewhere else {MARK: version("latens")}


def _mark(group: Any) -> None:
    group.attrs["keras_version"] = OLD
    group.attrs["backend"] = "tensorflow"


def _listed(group: Any, name: str, values: list[str]) -> None:
    """A list of names; in numbered pieces where an attribute of HDF5 (64 kB) cannot hold it."""
    encoded = np.array([value.encode() for value in values], dtype="S") if values else np.zeros(0)
    pieces = max(1, -(-encoded.nbytes // 60_000))
    for number, piece in enumerate(np.array_split(encoded, pieces)):
        group.attrs[f"{name}{number}" if pieces > 1 else name] = piece
