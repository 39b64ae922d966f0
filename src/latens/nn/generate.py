"""What one can do with a trained variational autoencoder: samples, interpolations, traversals.

All give pixel means, float32 in [0, 1], with the model in evaluation mode. Labels (int64) are for
a VAE that is conditional on the class, and only for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from latens.errors import UsageError
from latens.nn.model import Model
from latens.nn.variational import Variational, divergence


def sample(
    model: Model,
    count: int,
    labels: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`count` new images `[count, C, H, W]`, from codes drawn from the prior; `labels` `[count]`.

    The codes are drawn on the CPU, so that one seed gives the same ones on every device.
    """
    z_BD = torch.randn(count, _variational(model).latent, generator=generator)
    return decode(model, z_BD, labels)


@torch.no_grad()
def decode(model: Model, z_BD: Tensor, labels: Tensor | None = None) -> Tensor:
    """The images `[B, C, H, W]` of given codes, on the model's device.

    Raises `UsageError` for a model that is no VAE, or labels that do not suit it.
    """
    between = _variational(model)
    _check(between, len(z_BD), labels)
    device = between.mean.weight.device
    labels = None if labels is None else labels.to(device)
    return torch.sigmoid(between.decode(z_BD.to(device), labels).float())


@torch.no_grad()
def codes(model: Model, x_BCHW: Tensor, labels: Tensor | None = None) -> Tensor:
    """The means of the images' codes, `[B, D]`."""
    between = _variational(model)
    _check(between, len(x_BCHW), labels)
    return between.posterior(model.encode(x_BCHW), labels)[0]


@torch.no_grad()
def information(model: Model, x_BCHW: Tensor, labels: Tensor | None = None) -> Tensor:
    """What each latent variable says of these images: its mean divergence in nats, `[D]`.

    One of about 0 is not used, and a traversal of it changes nothing.
    """
    between = _variational(model)
    _check(between, len(x_BCHW), labels)
    return divergence(*between.posterior(model.encode(x_BCHW), labels)).mean(0)


def interpolate(
    model: Model, x_BCHW: Tensor, y_BCHW: Tensor, steps: int, labels: Tensor | None = None
) -> Tensor:
    """From each x to its y on a straight line between their codes, `[B, steps, C, H, W]`.

    The first and last of the `steps` (at least 2) are the two images' own reconstructions;
    `labels` `[B]` are told all the way.
    """
    start, end = codes(model, x_BCHW, labels), codes(model, y_BCHW, labels)
    share = torch.linspace(0, 1, steps, device=start.device)[:, None]
    return _rows(model, torch.lerp(start[:, None], end[:, None], share), labels)


def traverse(
    model: Model,
    x_BCHW: Tensor,
    variable: int,
    values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3),
    labels: Tensor | None = None,
) -> Tensor:
    """Each image with one latent variable (from 0) set to each of `values`, `[B, V, C, H, W]`."""
    between = _variational(model)
    if not 0 <= variable < between.latent:
        raise UsageError(
            f"Expected a latent variable from 0 to {between.latent - 1}; got {variable}.",
            hint="They are counted from 0.",
            code="bad-variable",
        )
    z_BVD = codes(model, x_BCHW, labels)[:, None].repeat(1, len(values), 1)
    z_BVD[:, :, variable] = torch.tensor(values, device=z_BVD.device, dtype=z_BVD.dtype)
    return _rows(model, z_BVD, labels)


def _rows(model: Model, z_BVD: Tensor, labels: Tensor | None) -> Tensor:
    """Decode several codes for each image."""
    wide = None if labels is None else labels.repeat_interleave(z_BVD.shape[1])
    images = decode(model, z_BVD.flatten(0, 1), wide)
    return images.view(*z_BVD.shape[:2], *images.shape[1:])


def _variational(model: Model) -> Variational:
    """The model's random code, with the model in evaluation mode."""
    if not isinstance(model.decoder, Variational):
        raise UsageError(
            "Expected a variational autoencoder, whose codes follow a known distribution; "
            "got a model of another kind.",
            hint="Train one with the objective vae.",
            code="not-variational",
        )
    model.eval()
    return model.decoder


def _check(between: Variational, count: int, labels: Tensor | None) -> None:
    """Raise `UsageError` unless there is a known class for each image just when it is needed."""
    if labels is None:
        fits = not between.classes
    else:
        known = (labels >= 0) & (labels < between.classes)
        fits = between.classes > 0 and labels.shape == (count,) and bool(known.all())
    if not fits:
        wanted = f"{count} classes from 0 to {between.classes - 1}"
        raise UsageError(
            f"Expected {wanted if between.classes else 'no classes'} to generate images; got "
            f"{'none' if labels is None else f'classes of shape {tuple(labels.shape)}'}.",
            hint="Classes are for a VAE that was trained with objective.conditional, and only it.",
            code="bad-classes",
        )
