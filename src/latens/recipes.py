"""What latens does when nobody says otherwise, and why.

Figures for these choices stand in the README, docs/performance.md and docs/log.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from latens.spec import AugmentSpec, ConvSpec, HeadSpec, Optimizer, Schedule

PRETRAIN_EPOCHS = 5
PRETRAIN_STEPS = 800
CLASSIFY_STEPS = 300
VALIDATIONS = 20
BATCH = 128

LATENT = 64
VAE_LATENT = 32
PATCH = 4  # of a residual network, for images of 8 pixels or more
MLP_CODE = 32
MLP_FEATURES = 128  # of a dense encoder whose code is made elsewhere, as in a VAE


def latent(image_shape: tuple[int, int, int]) -> int:
    """The width of the default code: 64 numbers, and at most a quarter of the image's."""
    return max(1, min(LATENT, math.prod(image_shape) // 4))


def vae_latent(image_shape: tuple[int, int, int]) -> int:
    """The number of variables of a VAE: 32, and at most a quarter of the image's numbers."""
    return max(1, min(VAE_LATENT, math.prod(image_shape) // 4))


def encoder(latent: int | None) -> ConvSpec:
    """A strided network: quick on a CPU, because most of its work is done at a quarter size.

    For pretraining it ends in a dense code that is narrower than the image, so that it cannot
    simply copy; for a classifier from scratch (`latent=None`) the feature maps are pooled. The
    decoder is light: it is thrown away when the encoder is reused.
    """
    return ConvSpec(
        encoder_filters=(32, 64, 96, 96),
        decoder_filters=(32, 16),
        kernel_size=(5, 3, 3, 3),
        down_after=(1, 2),
        down="stride",
        latent=latent,
    )


def epochs(images: int, batch_size: int, least: int, steps: int) -> int:
    """`least` epochs, or more if these were fewer than `steps` updates: small sets need them."""
    return max(least, math.ceil(steps / max(1, images // batch_size)))


RATES = {"adam": 5e-3, "adamw": 5e-3, "muon": 0.12, "rmsprop": 1e-3, "sgd": 5e-2}
"""Peak learning rates for batches of about 128."""

WEIGHT_DECAY = {"adam": 0.0, "adamw": 0.01, "muon": 0.0, "rmsprop": 0.0, "sgd": 5e-4}
"""Of classifiers. A decoupled decay is multiplied by the rate, so that AdamW's usual 0.01 would be
24 times as strong at Muon's rate; Adam and RMSprop scale a decay away; SGD's is the usual one."""


@dataclass(frozen=True)
class Classifier:
    """How a classifier is trained."""

    encoder: ConvSpec
    head: HeadSpec
    augment: tuple[AugmentSpec, ...]
    optimizer: Optimizer
    learning_rate: float
    weight_decay: float
    schedule: Schedule
    epochs: int
    label_smoothing: float = 0.0


DRAWN = Classifier(
    encoder=encoder(None),
    head=HeadSpec(hidden=(100,), dropout=0.3, pool="mean-max"),
    augment=(AugmentSpec(name="affine"),),
    optimizer="adamw",
    learning_rate=RATES["adamw"],
    weight_decay=WEIGHT_DECAY["adamw"],
    schedule="one-cycle",
    epochs=7,
)
"""For digits and other grey images: turned and stretched a little, never mirrored."""

PICTURED = Classifier(
    encoder=ConvSpec(
        encoder_filters=(32, 64, 128, 128),
        decoder_filters=(32, 16),
        kernel_size=(5, 3, 3, 3),
        down_after=(1, 3),
        down="stride",
        latent=None,
    ),
    head=HeadSpec(hidden=(), dropout=0.0, pool="mean-max"),
    augment=(AugmentSpec(name="flip"), AugmentSpec(name="shift", strength=0.5)),
    optimizer="muon",
    learning_rate=0.05,
    weight_decay=WEIGHT_DECAY["muon"],
    schedule="linear",
    epochs=12,
)
"""For photographs, whose mirror images are as good: mirrored and shifted."""


def _six(last: int) -> ConvSpec:
    """Six convolutions, of which the first reads every pixel: no stride passes over any."""
    return ConvSpec(
        encoder_filters=(64, 64, 128, 128, last, last),
        decoder_filters=(32, 16, 16),
        down_after=(1, 3, 5),
        down="max",
        latent=None,
    )


CLOTHES = replace(PICTURED, encoder=_six(128), epochs=7)
"""For Fashion-MNIST."""

SMALL = replace(PICTURED, encoder=_six(192), epochs=9, weight_decay=0.03, label_smoothing=0.1)
"""For photographs of a few pixels, which a network of this size could learn by heart."""

MIRRORED = ("fashion-mnist",)
"""Sets of grey images whose mirror images are as good."""


def classifier(name: str, image_shape: tuple[int, int, int], *, reused: bool = False) -> Classifier:
    """What fits a set of this name, of images ``(channels, height, width)``.

    With a `reused` encoder it is trained as the reports' were, whatever the images.
    """
    found = _from_scratch(name, image_shape)
    if not reused:
        return found
    return replace(
        found, head=HeadSpec(hidden=(100,), dropout=0.3), epochs=6, optimizer="adamw",
        learning_rate=RATES["adamw"], weight_decay=WEIGHT_DECAY["adamw"], schedule="one-cycle",
        label_smoothing=0.0,
    )  # fmt: skip


def _from_scratch(name: str, image_shape: tuple[int, int, int]) -> Classifier:
    channels, *sides = image_shape
    if name in MIRRORED:
        return CLOTHES
    if channels < 3:
        return DRAWN
    return SMALL if max(sides) <= 32 else PICTURED
