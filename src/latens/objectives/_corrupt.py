"""Corrupting a batch's images as specs ask for it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from latens import catalog
from latens.errors import UsageError
from latens.spec import CorruptSpec


def corrupted(x_BCHW: Tensor, specs: Iterable[CorruptSpec]) -> Tensor:
    """The images after every corruption in turn, float32 `[B, C, H, W]` in [0, 1].

    Draws one number from torch's global generator (of the CPU, so that no device is waited for),
    and everything else from a generator that follows from it.
    """
    if has_torch_function_unary(x_BCHW):  # several processes corrupt the whole batch, see Part
        whole: Tensor = handle_torch_function(corrupted, (x_BCHW,), x_BCHW, specs)
        return whole
    generator = torch.Generator(x_BCHW.device).manual_seed(int(torch.randint(2**62, ())))
    for spec in specs:
        strength = _strength(spec, x_BCHW, generator)
        x_BCHW = catalog.load("corrupt", spec.name).apply(x_BCHW, strength, generator)
    return x_BCHW.contiguous(memory_format=torch.channels_last)


def require_corruptions(specs: Iterable[CorruptSpec]) -> None:
    """Raise `UsageError` for a name that is unknown, or of an augmentation."""
    for spec in specs:
        if catalog.load("corrupt", spec.name).KIND != "corruption":
            raise UsageError(
                f"Expected a corruption, which leaves the clean image as the target; "
                f"{spec.name} is an augmentation.",
                hint="Name augmentations in train.augment.",
                code="not-a-corruption",
            )


def _strength(spec: CorruptSpec, x_BCHW: Tensor, generator: torch.Generator) -> float | Tensor:
    """The fixed strength, or one drawn for each image, `[B]`."""
    if isinstance(spec.strength, float):
        return spec.strength
    low, high = spec.strength
    drawn = torch.rand(len(x_BCHW), device=x_BCHW.device, generator=generator)
    return low + (high - low) * drawn
