"""An odd number of convolutions cannot be half each way."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding
from latens.spec import ConvSpec


def check(context: Context) -> Finding | None:
    """Needs `spec`: an encoder of exactly one convolution more than its decoder was rounded so."""
    if context.spec is None or context.spec.task != "pretrain":
        return None
    encoder = context.spec.encoder
    if not isinstance(encoder, ConvSpec):
        return None
    down, up = len(encoder.encoder_filters), len(encoder.decoder_filters)
    if down != up + 1:
        return None
    return Finding(
        "uneven-layers",
        "info",
        f"{down + up} convolution layers are {down} in the encoder and {up} in the decoder; an "
        "even number is half each way.",
    )
