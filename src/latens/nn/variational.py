"""The random code of a variational autoencoder (Kingma and Welling 2014).

From an image's features come the mean and log variance of a normal distribution of its code z;
from z come features again, and the decoder makes pixels of them. The prior of z is N(0, 1).
Shape letters: B batch, D latent variables, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latens.errors import DataError
from latens.spec import VaeSpec

Shape = tuple[int, ...]
_LIMIT = 20.0  # of log variances: exp stays finite, and no sensible code comes near it


class Variational(nn.Module):
    """Stands between an encoder and its plain decoder, and takes that decoder in.

    Attributes:
        latent: the number of latent variables.
        classes: how many classes encoder and decoder are told of; 0 if it is not conditional.
        log_sigma: the logarithm of the one standard deviation that all pixels share, learned, for
            the Gaussian likelihood (Rybkin et al. 2021); None for the Bernoulli one.
    """

    log_sigma: nn.Parameter | None

    def __init__(self, spec: VaeSpec, features: Shape, decoder: nn.Module, classes: int) -> None:
        super().__init__()
        if spec.conditional and not classes:
            raise _no_labels()
        self.latent = spec.latent
        self.classes = classes if spec.conditional else 0
        size = math.prod(features)
        self.mean = nn.Linear(size + self.classes, spec.latent)
        self.log_var = nn.Linear(size + self.classes, spec.latent)
        back: list[nn.Module] = [nn.Linear(spec.latent + self.classes, size)]
        if len(features) > 1:  # maps have been through an activation, dense codes have not
            back += [nn.ReLU(inplace=True), nn.Unflatten(1, features)]
        self.back = nn.Sequential(*back)
        self.decoder = decoder
        sigma = nn.Parameter(torch.zeros(())) if spec.likelihood == "gaussian" else None
        self.register_parameter("log_sigma", sigma)

    def posterior(self, features: Tensor, labels_B: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the code, float32 `[B, D]` each, from features `[B, ...]`.

        Raises `DataError` if it is conditional and there are no labels (int64, 0 to K - 1; one
        that is unknown, -1, counts as none of the classes).
        """
        told = self._told(features.flatten(1), labels_B)
        return self.mean(told).float(), self.log_var(told).float().clamp(-_LIMIT, _LIMIT)

    def decode(self, z_BD: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Pixel logits `[B, C, H, W]` of codes."""
        logits: Tensor = self.decoder(self.back(self._told(z_BD, labels_B)))
        return logits

    def forward(self, features: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Pixel logits by way of the mean: the same each time."""
        return self.decode(self.posterior(features, labels_B)[0], labels_B)

    def _told(self, x_BN: Tensor, labels_B: Tensor | None) -> Tensor:
        """The numbers with the class beside them as K more, one of them 1."""
        if not self.classes:
            return x_BN
        if labels_B is None:
            raise _no_labels()
        one_hot = labels_B[:, None] == torch.arange(self.classes, device=labels_B.device)
        return torch.cat([x_BN, one_hot.to(x_BN)], dim=1)


def draw(mean_BD: Tensor, log_var_BD: Tensor) -> Tensor:
    """Codes drawn so that gradients reach mean and variance, from torch's global generator."""
    return mean_BD + (log_var_BD / 2).exp() * torch.randn_like(mean_BD)


def divergence(mean_BD: Tensor, log_var_BD: Tensor) -> Tensor:
    """KL(N(mean, var) || N(0, 1)) of each variable in nats, `[B, D]` (their appendix B)."""
    return (mean_BD.square() + log_var_BD.exp() - 1 - log_var_BD) / 2


def _no_labels() -> DataError:
    return DataError(
        "Expected a class for every image, because objective.conditional tells it to the "
        "network; got images without labels.",
        hint="Give labelled images, or set objective.conditional to false.",
        code="unlabelled",
    )
