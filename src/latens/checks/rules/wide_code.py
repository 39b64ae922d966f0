"""A code with as many numbers as the image can copy it, and its small error means nothing."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `code_size` and `pixels`; `spec` tells whether copying would help at all.

    A denoiser cannot copy its input, nor can what fills in hidden patches (Vincent et al. 2008).
    """
    if context.code_size is None or context.pixels is None or context.code_size < context.pixels:
        return None
    if context.spec is not None and context.spec.objective.kind in ("denoise", "masked"):
        return None
    return Finding(
        "wide-code",
        "warning",
        f"The code has {context.code_size:,} numbers for an image of {context.pixels:,}: it can "
        f"copy the image, so a small error shows no learning.{_mend(context)}",
    )


def _mend(context: Context) -> str:
    """What one can do about it; a network from elsewhere is as it is."""
    elsewhere = context.spec is not None and context.spec.imported is not None
    return "" if elsewhere else " Choose a smaller --latent."
