"""Ways of reusing an encoder, as lists of phases.

    frozen       the head alone; the encoder stays as pretraining left it
    two-phase    the head alone with the encoder frozen, then everything (as the reports have it)
    fine-tune    everything from the start, from pretrained weights
    scratch      everything from the start, from random weights: the control

All modes spend the same number of epochs, so that a comparison is about where the encoder came
from and not about how long it was trained. Where images are reconstructed as well (`joint`), the
decoder moves whenever the head does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from latens.errors import UsageError, unknown_name
from latens.spec import Mode, PhaseSpec, parse

PRETRAINED: tuple[Mode, ...] = ("frozen", "two-phase", "fine-tune")


def phases(
    mode: Mode, *, epochs: int, joint: bool = False, **training: Any
) -> tuple[PhaseSpec, ...]:
    """The phases of `mode`, `epochs` in all; two-phase gives a third of them to the head.

    `training` are further fields of `PhaseSpec`, the same for every phase. Raises `UsageError` for
    a mode that there is not, or that does not fit (`require`), and for a wrong field.
    """
    require([mode], epochs, joint=joint)
    on_top = ("decoder", "head") if joint else ("head",)

    def phase(name: str, epochs: int) -> PhaseSpec:
        groups = on_top if name == "head" else ("encoder", *on_top)
        return parse(PhaseSpec, {"name": name, "groups": groups, "epochs": epochs, **training})

    if mode == "frozen":
        return (phase("head", epochs),)
    if mode == "two-phase" and epochs > 0:
        first = max(1, epochs // 3)
        return phase("head", first), phase("all", epochs - first)
    return (phase("all", epochs),)


def require(modes: Sequence[str], epochs: int | None, *, joint: bool = False) -> None:
    """Raise `UsageError` for a mode that there is not, or one that does not fit.

    Two-phase needs an epoch for each phase (`epochs` None: not known yet), and a frozen encoder
    learns nothing from reconstructing.
    """
    for mode in modes:
        if mode not in get_args(Mode):
            raise unknown_name("mode", mode, get_args(Mode))
    if "two-phase" in modes and epochs == 1:
        raise UsageError(
            "Expected at least 2 epochs for the mode two-phase, one a phase; got 1.",
            hint="Use --epochs 2 or more, or another --mode.",
            code="too-few-epochs",
        )
    if "frozen" in modes and joint:
        raise UsageError(
            "Expected a mode that trains the encoder beside the objective joint; got frozen.",
            hint="Use --mode two-phase or fine-tune, or --objective classify.",
            code="without-effect",
        )
