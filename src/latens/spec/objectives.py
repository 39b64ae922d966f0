"""What is learned: objectives, and what they do to the images that they show."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from latens.choices import Balance, Loss
from latens.spec._base import Fraction, Positive, Spec, Strength, Weight


class CorruptSpec(Spec):
    """One corruption by its file's name in `latens/corrupt/`.

    `strength` from 0 to 1 is fixed, or a pair (low, high) from which each image draws its own.
    """

    name: str
    strength: Strength | tuple[Strength, Strength] = 0.4


class ReconstructSpec(Spec):
    """Give the image back. `loss` is the mean squared error, or binary cross-entropy a pixel."""

    kind: Literal["reconstruct"] = "reconstruct"
    loss: Loss = "mse"


class DenoiseSpec(Spec):
    """Give the clean image back from a corrupted one (Vincent et al. 2008)."""

    kind: Literal["denoise"] = "denoise"
    loss: Loss = "mse"
    corruptions: Annotated[tuple[CorruptSpec, ...], Field(min_length=1)] = (
        CorruptSpec(name="salt_pepper"),
    )


class MaskedSpec(Spec):
    """Give hidden patches back: the loss counts `share` of the patches, which the encoder sees
    as black (in the spirit of He et al. 2022)."""

    kind: Literal["masked"] = "masked"
    loss: Loss = "mse"
    patch: Positive = 4
    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5


class VaeSpec(Spec):
    """A variational autoencoder (Kingma and Welling 2014) with `latent` normal variables.

    `beta` weighs the divergence (Higgins et al. 2017); `free_bits` nats of it a variable are free
    (Kingma et al. 2016). `binarise` draws each pixel as 0 or 1 with its grey value as
    probability, anew each time. `conditional` tells encoder and decoder the class.
    """

    kind: Literal["vae"] = "vae"
    latent: Positive = 32
    beta: Weight = 1.0
    free_bits: Weight = 0.0
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    binarise: bool = False
    conditional: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.binarise and self.likelihood != "bernoulli":
            raise ValueError("binarise needs the likelihood bernoulli; got gaussian")
        return self


class ClassifySpec(Spec):
    """Name the class, by cross-entropy; `label_smoothing` moves that much to the other classes.

    `balance` answers unequal class counts: weights by inverse frequency, balanced softmax (Ren et
    al. 2020), or logit adjustment of the trained scores (Menon et al. 2021). `corruptions` are
    done to the images that it trains on and is validated on.
    """

    kind: Literal["classify"] = "classify"
    label_smoothing: Fraction = 0.0
    balance: Balance = "none"
    corruptions: tuple[CorruptSpec, ...] = ()


class JointSpec(Spec):
    """Reconstruct and classify at once, from one encoder.

    The loss is the weighted sum; with `learned`, weights by uncertainty that start from these
    (Kendall et al. 2018). Images without a label are only reconstructed.
    """

    kind: Literal["joint"] = "joint"
    loss: Loss = "mse"
    reconstruct_weight: Weight = 1.0
    classify_weight: Weight = 1.0
    learned: bool = False
    label_smoothing: Fraction = 0.0
    balance: Balance = "none"
    corruptions: tuple[CorruptSpec, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.learned and not self.reconstruct_weight * self.classify_weight:
            raise ValueError("weights that are learned must start above 0; one is 0")
        return self


ObjectiveSpec: TypeAlias = Annotated[
    ReconstructSpec | DenoiseSpec | MaskedSpec | VaeSpec | ClassifySpec | JointSpec,
    Field(discriminator="kind"),
]
CLASSIFIES = ("classify", "joint")
