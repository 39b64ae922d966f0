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
BATCH = 128

AUGMENT = (AugmentSpec(name="affine"),)
REPORT_HEAD = HeadSpec(hidden=(100,), dropout=0.3)
HEAD = HeadSpec(hidden=(100,), dropout=0.3, pool="mean-max")

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
