"""Small models and sets that the tests of evaluations share; most models need no training."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from latens.data.image_set import ImageSet
from latens.data.split import Split
from latens.nn.model import Model, build
from latens.spec import HeadSpec, MLPSpec, VaeSpec

CPU = torch.device("cpu")
NETWORK = MLPSpec(hidden=(16,), latent=8)


@cache
def digits(count: int = 300) -> ImageSet:
    """The first of scikit-learn's real 8x8 digits, with labels."""
    bunch = load_digits()
    pixels = np.round(bunch.images[:count, None] * (255 / 16)).astype(np.uint8)
    return ImageSet(pixels, bunch.target[:count].astype(np.int64), tuple("0123456789"), "digits")


def unlabelled(count: int = 300) -> ImageSet:
    return ImageSet(digits(count).images, name="unlabelled")


def index(first: int, last: int) -> npt.NDArray[np.int64]:
    return np.arange(first, last, dtype=np.int64)


def thirds(count: int = 300) -> Split:
    """Train, validation and test of equal size."""
    a, b = count // 3, 2 * count // 3
    return Split(index(0, a), index(a, b), index(b, count), index(0, a))


def model(seed: int = 0, **more: Any) -> Model:
    """An untrained autoencoder with a head, in evaluation mode."""
    made = build(
        NETWORK, (1, 8, 8), decoder=True, head=HeadSpec(hidden=(12,)), classes=10, seed=seed, **more
    )
    return made.eval()


def vae(**more: Any) -> Model:
    spec = VaeSpec(latent=4, **more)
    return build(NETWORK, (1, 8, 8), decoder=True, classes=10, seed=0, objective=spec).eval()


class Copies(Model):
    """Gives every image back as it came, and names the class of the image by its brightness."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.Flatten()), (64,))

    def pixel_logits(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        return torch.logit(x_BCHW)  # ±inf for black and white, which the sigmoid undoes

    def class_logits(self, x_BCHW: Tensor) -> Tensor:
        bright = x_BCHW.mean((1, 2, 3))[:, None]
        return -(bright - torch.linspace(0, 1, 10)).abs()
