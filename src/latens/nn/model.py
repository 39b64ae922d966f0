"""The model: an encoder, and a decoder or a head or both, each an attribute.

Reusing an encoder is `model.encoder`; no layer is ever searched for by its name.
Shape letters: B batch, C channels, H height, W width, D numbers in a code, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latens import catalog
from latens.nn.head import Head
from latens.spec import EncoderSpec, HeadSpec

Shape = tuple[int, ...]


class Model(nn.Module):
    """Attributes: `encoder`, `decoder` or None, `head` or None; `feature_shape` without batch."""

    def __init__(
        self,
        encoder: nn.Module,
        feature_shape: Shape,
        decoder: nn.Module | None = None,
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.feature_shape = feature_shape

    @property
    def code_size(self) -> int:
        """How many numbers the encoder keeps of an image."""
        return math.prod(self.feature_shape)

    def encode(self, x_BCHW: Tensor) -> Tensor:
        """Features `[B, *feature_shape]` of float images in [0, 1]."""
        features: Tensor = self.encoder(x_BCHW)
        return features

    def pixel_logits(self, x_BCHW: Tensor) -> Tensor:
        """Reconstructed pixels before the sigmoid, float `[B, C, H, W]`."""
        assert self.decoder is not None, "this model has no decoder"
        logits: Tensor = self.decoder(self.encoder(x_BCHW))
        return logits

    def reconstruct(self, x_BCHW: Tensor) -> Tensor:
        """The images as the autoencoder gives them back, float `[B, C, H, W]` in [0, 1]."""
        return torch.sigmoid(self.pixel_logits(x_BCHW))

    def class_logits(self, x_BCHW: Tensor) -> Tensor:
        """Class scores before the softmax, float `[B, K]`."""
        assert self.head is not None, "this model has no head"
        logits: Tensor = self.head(self.encoder(x_BCHW))
        return logits


def build(
    spec: EncoderSpec,
    image_shape: tuple[int, int, int],
    *,
    decoder: bool = False,
    head: HeadSpec | None = None,
    classes: int = 0,
    seed: int = 0,
) -> Model:
    """A freshly initialised model for images `[C, H, W]`; the seed alone decides its weights.

    Raises `UsageError` if the network does not fit the image.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        room = catalog.load("nn.networks", spec.kind)
        encoder, feature_shape = room.build_encoder(spec, image_shape)
        back = room.build_decoder(spec, image_shape) if decoder else None
        top = Head(head, feature_shape, classes) if head else None
    return Model(encoder, feature_shape, back, top)


def count_parameters(module: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(p.numel() for p in module.parameters())
