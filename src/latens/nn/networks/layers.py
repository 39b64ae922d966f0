"""Networks spelled out layer by layer, such as those that were read from a file of Keras.

The encoder's stages have the names of its layers.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from latens.errors import UsageError
from latens.nn.chain.modules import chain
from latens.nn.chain.shapes import Shape, after, in_words
from latens.spec.layers import ActivationLayer, Layer, LayersHeadSpec, LayersSpec

ImageShape = tuple[int, int, int]


def build_encoder(
    spec: LayersSpec, image_shape: ImageShape
) -> tuple[nn.Sequential, tuple[int, ...]]:
    """Images `[B, C, H, W]` to what the last layer gives.

    Raises `UsageError` where a layer does not fit what the one before it gives.
    """
    return chain(spec.encoder, image_shape), after(spec.encoder, image_shape)


def build_decoder(spec: LayersSpec, image_shape: ImageShape, encoder: nn.Module) -> nn.Module:
    """Features to pixel logits `[B, C, H, W]`, or to pixels where they end in no sigmoid.

    Raises `UsageError` if there is none, or if it gives another shape than the image's.
    """
    if not spec.decoder:
        raise UsageError(
            "Expected a network with a decoder; encoder.decoder has no layers.",
            hint="Give it layers, or use the network for classification.",
            code="no-decoder",
        )
    shape = after(spec.encoder, image_shape)
    given = after(spec.decoder, shape)
    if given != image_shape:
        raise UsageError(
            f"Expected a decoder that gives images of {in_words(image_shape)}; this one gives "
            f"{in_words(given)}.",
            hint="Use images of the size that the network was made for.",
            code="other-shape",
        )
    return chain(without(spec.decoder, "sigmoid"), shape)


def build_head(spec: LayersHeadSpec, features: Shape, classes: int) -> nn.Module:
    """Features to class scores `[B, K]`. Raises `UsageError` if they are not so many."""
    given = after(spec.layers, features)
    if given != (classes,):
        raise UsageError(
            f"Expected a head for {classes} classes; this one gives {in_words(given)}.",
            hint="Use images of the classes that the network was made for.",
            code="classes-disagree",
        )
    return chain(without(spec.layers, "softmax"), features)


def without(layers: Sequence[Layer], function: str) -> tuple[Layer, ...]:
    """The layers without this function at their end, which is left to what reads them."""
    *before, last = layers
    if isinstance(last, ActivationLayer) and last.function == function:
        return tuple(before)
    if getattr(last, "activation", None) == function:
        return (*before, last.model_copy(update={"activation": "linear"}))
    return tuple(layers)
