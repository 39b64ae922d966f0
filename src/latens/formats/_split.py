"""Where a chain's encoder ends, and what the rest of it is: a decoder or a head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from latens.errors import DataError, UsageError, unknown_name
from latens.formats._chain import Array, Chain, weighted
from latens.nn.chain.shapes import Shape, in_words
from latens.spec.layers import ActivationLayer, DenseLayer, Layer, every


@dataclass(frozen=True)
class Parts:
    """A chain in two.

    Attributes:
        task: what the whole does: give images back, or name classes.
        encoder, rest: its layers; `rest` is the decoder or the head.
        end: the name of the encoder's last layer; `why` it is that.
        code: the shape that the encoder gives. `classes`: how many the head names, or 0.
        weights: as the chain's, with what the head needed to be like ours.
        notes: what was done to make it like ours.
    """

    task: Literal["pretrain", "classify"]
    encoder: tuple[Layer, ...]
    rest: tuple[Layer, ...]
    end: str
    why: str
    code: Shape
    classes: int
    weights: dict[str, dict[str, Array]]
    notes: tuple[str, ...] = ()


def split(chain: Chain, encoder_end: str | None) -> Parts:
    """The chain in two, after the layer `encoder_end` or after the narrowest tensor.

    Raises `DataError` (``not-a-task``, ``unsupported-output``) for a model that is neither an
    autoencoder nor a classifier, `UsageError` for an unknown layer or one that leaves nothing.
    """
    shapes = chain.shapes()
    task = _task(chain.image_shape, shapes[-1])
    place, why = _asked(chain, encoder_end) if encoder_end else _narrowest(chain, shapes)
    weights = {name: dict(held) for name, held in chain.weights.items()}
    rest, notes = chain.layers[place + 1 :], chain.notes
    classes = 0
    if task == "classify":
        rest, weights, more = _scores(rest, weights)
        notes, classes = (*notes, *more), _classes(rest, shapes[-1])
    return Parts(
        task, chain.layers[: place + 1], rest, chain.layers[place].name, why, shapes[place],
        classes, weights, notes,
    )  # fmt: skip


def _task(image: tuple[int, int, int], end: Shape) -> Literal["pretrain", "classify"]:
    if end == image:
        return "pretrain"
    if len(end) == 1:
        return "classify"
    raise DataError(
        f"Expected a model that gives images of {in_words(image)} back, or names classes; this "
        f"one gives {in_words(end)}.",
        hint="Save the whole autoencoder or classifier, not its encoder alone.",
        code="not-a-task",
    )


def _asked(chain: Chain, name: str) -> tuple[int, str]:
    if name not in chain.ends:
        raise unknown_name("layer", name, [key for key in chain.ends if "/" not in key])
    place = chain.ends[name]
    if not 0 <= place < len(chain.layers) - 1:
        raise UsageError(
            f"Expected a layer with others before and after it for the encoder's end; {name!r} "
            "is not.",
            hint="Name a layer in the middle.",
            code="bad-encoder-end",
        )
    return place, "as asked"


def _narrowest(chain: Chain, shapes: list[Shape]) -> tuple[int, str]:
    """The first narrowest tensor that has weights before it and behind it."""
    with_weights = {layer.name for layer, _ in weighted(chain.layers, chain.image_shape)}
    heavy = [
        place
        for place, layer in enumerate(chain.layers)
        if any(inner.name in with_weights for inner in every([layer]))
    ]
    if not heavy or heavy[-1] == 0:
        raise DataError(
            "Expected a model of at least two layers; this one has no encoder to speak of.",
            hint="latens imports autoencoders and classifiers.",
            code="no-encoder",
        )
    places = range(min(heavy[0], heavy[-1] - 1), heavy[-1])
    best = min(places, key=lambda place: math.prod(shapes[place]))
    return best, "the narrowest"


def _scores(
    rest: tuple[Layer, ...], weights: dict[str, dict[str, Array]]
) -> tuple[tuple[Layer, ...], dict[str, dict[str, Array]], tuple[str, ...]]:
    """A head whose scores are those before a softmax, with the same answers.

    One sigmoid becomes two classes: sigmoid(x) is the second share of softmax(0, x). Several
    become shares: softmax(log p) is p over the sum of all p.
    """
    *before, last = rest
    function = (
        last.function
        if isinstance(last, ActivationLayer)
        else getattr(last, "activation", "linear")
    )
    if function in ("softmax", "linear", "log_softmax"):
        return rest, weights, ()
    if function != "sigmoid":
        raise DataError(
            f"Expected class scores that end in softmax, sigmoid or nothing; these end in "
            f"{function}.",
            hint="Save the model with such an output.",
            code="unsupported-output",
        )
    dense = last if isinstance(last, DenseLayer) else before[-1] if before else None
    if isinstance(dense, DenseLayer) and dense.units == 1:
        wide = dense.model_copy(update={"units": 2, "activation": "softmax"})
        held = weights[dense.name]
        weights[dense.name] = {
            name: np.concatenate([np.zeros_like(array), array], axis=-1)
            for name, array in held.items()
        }
        kept = before if dense is last else before[:-1]
        return (*kept, wide), weights, ("One sigmoid became two classes: not, and yes.",)
    note = "Several sigmoids became shares: each divided by their sum, with the same order."
    if isinstance(last, ActivationLayer):
        end: Layer = last.model_copy(update={"function": "log_sigmoid"})
    else:
        end = last.model_copy(update={"activation": "log_sigmoid"})
    return (*before, end), weights, (note,)


def _classes(rest: tuple[Layer, ...], end: Shape) -> int:
    last = next((layer for layer in reversed(rest) if isinstance(layer, DenseLayer)), None)
    count = last.units if last is not None and end == (1,) else end[0]
    if count < 2:
        raise DataError(
            "Expected a model that names at least two classes; this one gives one number.",
            hint="latens imports autoencoders and classifiers, no regressions.",
            code="unsupported-output",
        )
    return count
