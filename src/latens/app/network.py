"""Which encoder is asked for: latens' own, or one of the reports' kind, or another network."""

from __future__ import annotations

from typing import Any, get_args

from latens import choices, recipes
from latens.app.options import Options, without_effect
from latens.errors import unknown_name
from latens.spec import ConvSpec, mirrored

REPORTS = ("conv_layers", "kernel_size", "filters", "double_filters", "tied")
"""Options that ask for the reports' kind of convolutional network."""


def encoder(options: Options, shape: tuple[int, int, int], usual: ConvSpec) -> dict[str, Any]:
    """The values of an encoder's spec, before the options that set a field by themselves.

    `usual` is the network where nobody chose one, and has the width of the dense code (`latent`) of
    any network, for images of this `shape` `[C, H, W]`.

    Raises `UsageError` for an unknown network, or options without effect on the chosen one.
    """
    network = options.get("network", "conv")
    if network not in get_args(choices.Network):
        raise unknown_name("network", network, get_args(choices.Network))
    asked = [name for name in REPORTS if name in options]
    if network != "conv":
        _refuse([name for name in asked if name != "tied"], network)
        return _other(network, options, shape, usual.latent)
    if not asked:
        return {**usual.model_dump(), "latent": _latent(options, usual.latent)}
    down, up = mirrored(
        options.get("conv_layers", 10),
        options.get("filters", 32),
        doubling=options.get("double_filters", False),
    )
    return {
        "kind": "conv",
        "encoder_filters": down,
        "decoder_filters": up,
        "latent": _latent(options, None),
        "down_after": tuple(range(1, min(2, len(up)) + 1)),
    }


def _other(
    network: str, options: Options, shape: tuple[int, int, int], code: int | None
) -> dict[str, Any]:
    if network == "residual":
        patch = min(recipes.PATCH, *(max(1, side // 2) for side in shape[1:]))
        return {"kind": "residual", "patch": patch, "latent": _latent(options, code)}
    wide = recipes.MLP_FEATURES if code is None else recipes.MLP_CODE
    return {"kind": "mlp", "latent": options.get("latent", wide)}


def _latent(options: Options, code: int | None) -> int | None:
    """What was asked for, where 0 is none; else `code`."""
    return options["latent"] or None if "latent" in options else code


def _refuse(names: list[str], network: str) -> None:
    if names:
        flags = ["--" + name.replace("_", "-") for name in names]
        raise without_effect(flags, "encoder", network, "encoder_filters")
