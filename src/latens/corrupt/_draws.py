"""Strengths and random numbers, drawn for a whole batch at once from the given generator."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from latens.corrupt._rows import in_memory_order

Strength: TypeAlias = float | Tensor


def is_zero(strength: Strength) -> bool:
    """Is nothing to be done? A tensor is not asked: reading it would make a GPU wait."""
    return not isinstance(strength, Tensor) and strength == 0


def per_image(strength: Strength, x_BCHW: Tensor) -> Tensor:
    """`strength` as float `[B]`, whether it was one number or one an image."""
    if isinstance(strength, Tensor):
        return strength.to(x_BCHW.device, x_BCHW.dtype).expand(len(x_BCHW))
    return x_BCHW.new_full((len(x_BCHW),), strength)


def column(strength: Strength) -> Strength:
    """`strength` in a shape that multiplies images: a float, or `[B, 1, 1, 1]`."""
    return strength[:, None, None, None] if isinstance(strength, Tensor) else float(strength)


def uniform(x_BCHW: Tensor, generator: torch.Generator, low: float, high: float) -> Tensor:
    """One number an image, float `[B]`, uniform from `low` to `high`."""
    draws = torch.rand(len(x_BCHW), generator=generator, device=x_BCHW.device, dtype=x_BCHW.dtype)
    return draws.mul_(high - low).add_(low)


def normal(x_BCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise in the shape and the memory layout of the images.

    Drawn in memory order, because torch fills other layouts one number at a time.
    """
    like = in_memory_order(x_BCHW)
    noise = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    return noise if like is x_BCHW else noise.permute(0, 3, 1, 2)


def bits(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform int16 from -32768 to 32767: four from each 64-bit number, 3 times quicker."""
    count = torch.Size(shape).numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64, device=generator.device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:count].view(shape)
