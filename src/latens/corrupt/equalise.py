"""Histogram equalisation: every grey level as frequent as the others, as far as possible."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.corrupt._draws import uniform
from latens.corrupt._rows import in_memory_order

KIND = "augmentation"

LEVELS = 256


def apply(x_BCHW: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Go part of the way from each image to its equalised one, each channel for itself.

    At strength 1 the part is drawn uniformly from nothing to all.
    """
    if not strength:
        return x_BCHW
    part = uniform(x_BCHW, generator, 0, strength)[:, None, None, None]
    return torch.lerp(x_BCHW, equalised(x_BCHW), part)


def equalised(x_BCHW: Tensor) -> Tensor:
    """Equalise each channel of each image, in the same memory layout."""
    ordered = in_memory_order(x_BCHW)
    last = ordered is not x_BCHW
    places = _places(ordered, x_BCHW.shape[1], last=last)
    equal = _table(places, x_BCHW.shape[1]).gather(1, places).view(ordered.shape)
    return equal.permute(0, 3, 1, 2) if last else equal


def _places(ordered: Tensor, channels: int, *, last: bool) -> Tensor:
    """Each number's place in the histograms of its image, int64 `[B, P]`: its level from 0 to
    255, and 256 more for each channel before its own."""
    before = torch.arange(channels, device=ordered.device) * float(LEVELS)
    levels = ordered.mul(LEVELS - 1).round_().flatten(2 if last else 3)
    levels += before.repeat(ordered.shape[2]) if last else before[:, None, None]
    return levels.flatten(1).long()


def _table(places_BP: Tensor, channels: int) -> Tensor:
    """What becomes of each level, float `[B, C * 256]`: the share of brighter-than-darkest pixels
    up to it (Gonzalez and Woods, section 3.3). A channel of one level alone stays as it is."""
    count, device = len(places_BP), places_BP.device
    counts = torch.zeros(count, channels * LEVELS, device=device)
    counts.scatter_add_(1, places_BP, torch.ones((), device=device).expand_as(places_BP))
    pixels = places_BP.shape[1] // channels
    summed = counts.view(count, channels, LEVELS).cumsum(2)
    darkest = torch.where(summed > 0, summed, pixels).amin(2, keepdim=True)
    brighter = pixels - darkest
    shares = summed.sub_(darkest).div_(brighter.clamp(min=1))
    plain = torch.linspace(0, 1, LEVELS, device=device)
    return torch.lerp(plain, shares, (brighter > 0).float()).flatten(1)
