"""A variational autoencoder: the negative evidence lower bound (Kingma and Welling 2014).

Where such a model "does not work" it is mostly because the two parts of its loss are of different
sizes: a mean over pixels beside a sum over the code makes every image the same. Here both are
nats of a whole image, and the loss alone is divided by the number of its pixels, so that learning
rates that suit the other objectives suit this one.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from latens.data.batches import Batch
from latens.nn.model import Model
from latens.nn.variational import Variational, divergence, draw
from latens.objectives._step import Step, even_share
from latens.spec import VaeSpec

_SIGMA = -6.0  # log of the smallest standard deviation, a fraction of one of 256 grey levels


class Vae:
    """`neg_elbo` is the negative evidence lower bound in nats an image, by one draw of the code
    and with neither `beta` nor free bits, and `kl` its divergence. `mse` is the squared error of
    the pixels' means, as elsewhere, but by way of the drawn code."""

    metric = "neg_elbo"

    def __init__(self, spec: VaeSpec, class_counts: Tensor | None = None) -> None:
        self.spec = spec

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch, with pixels (if asked) and codes drawn anew."""
        between = model.decoder
        assert isinstance(between, Variational), "the model was built for another objective"
        images = torch.bernoulli(batch.images) if self.spec.binarise else batch.images
        mean, log_var = between.posterior(model.encode(images), batch.labels)
        logits = between.decode(draw(mean, log_var), batch.labels).float()
        nats_B, kl_BD = -log_likelihood(logits, images, between), divergence(mean, log_var)
        loss = (nats_B.mean() + self.spec.beta * self._counted(kl_BD)) / images[0].numel()
        mse = F.mse_loss(torch.sigmoid(logits), batch.images) * len(batch)
        sums = {"neg_elbo": nats_B.sum() + kl_BD.sum(), "kl": kl_BD.sum(), "mse": mse}
        return Step(loss, {name: (value.detach(), len(batch)) for name, value in sums.items()})

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Less of what was minimised is better: with `beta`, and without free bits."""
        return (-values["neg_elbo"] - (self.spec.beta - 1) * values["kl"],)

    def _counted(self, kl_BD: Tensor) -> Tensor:
        """The divergence in the loss: each variable's mean over the batch, but not below the
        free bits (Kingma et al. 2016, equation 15)."""
        mean_D = even_share(kl_BD.detach().sum(0)) / len(kl_BD)
        free = self.spec.free_bits
        return torch.where(mean_D >= free, kl_BD.mean(0), free).sum()


def log_likelihood(logits_BCHW: Tensor, x_BCHW: Tensor, between: Variational) -> Tensor:
    """log p(x|z) of each image in nats, `[B]`: Bernoulli, or Gaussian with one deviation.

    Grey pixels in [0, 1] take the Bernoulli form as well, which is then no likelihood but still
    has its least where the means are the pixels. The Gaussian one is a density, and may be above 0.
    """
    if between.log_sigma is None:
        crossed = F.binary_cross_entropy_with_logits(logits_BCHW, x_BCHW, reduction="none")
        return -crossed.flatten(1).sum(1)
    log_sigma = _SIGMA + F.softplus(between.log_sigma - _SIGMA)
    scaled = (x_BCHW - torch.sigmoid(logits_BCHW)) / log_sigma.exp()
    each = -(scaled.square() + math.log(2 * math.pi)) / 2 - log_sigma
    return each.flatten(1).sum(1)


build = Vae
