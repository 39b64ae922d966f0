"""What latens does when nobody says otherwise, and why.

Figures for these choices stand in the README with their commands.
"""

from __future__ import annotations

import math

from latens.spec import AugmentSpec, ConvSpec, HeadSpec

PRETRAIN_EPOCHS = 5
CLASSIFY_EPOCHS = 6
PRETRAIN_STEPS = 800
CLASSIFY_STEPS = 300
VALIDATIONS = 20

AUGMENT = (AugmentSpec(name="affine"),)
REPORT_HEAD = HeadSpec(hidden=(100,), dropout=0.3)
HEAD = HeadSpec(hidden=(100,), dropout=0.3, pool="mean-max")

LATENT = 64


def latent(image_shape: tuple[int, int, int]) -> int:
    """The width of the default code: 64 numbers, and at most a quarter of the image's."""
    return max(1, min(LATENT, math.prod(image_shape) // 4))


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
