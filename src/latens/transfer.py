"""Ways of reusing an encoder, as lists of phases.

    frozen       the head alone; the encoder stays as pretraining left it
    two-phase    the head alone with the encoder frozen, then everything (as the reports have it)
    fine-tune    everything from the start, from pretrained weights
    scratch      everything from the start, from random weights: the control

All modes spend the same number of epochs, so that a comparison is about where the encoder came
from and not about how long it was trained.
"""

from __future__ import annotations

from latens.spec import Mode, Optimizer, PhaseSpec, Schedule

PRETRAINED: tuple[Mode, ...] = ("frozen", "two-phase", "fine-tune")


def phases(
    mode: Mode,
    *,
    epochs: int,
    optimizer: Optimizer,
    learning_rate: float,
    schedule: Schedule,
    weight_decay: float,
) -> tuple[PhaseSpec, ...]:
    """The phases of `mode`, `epochs` in all; two-phase gives a third of them to the head."""
    first = max(1, epochs // 3)

    def phase(name: str, epochs: int) -> PhaseSpec:
        return PhaseSpec(
            name=name,
            groups=("head",) if name == "head" else ("encoder", "head"),
            epochs=epochs,
            optimizer=optimizer,
            learning_rate=learning_rate,
            schedule=schedule,
            weight_decay=weight_decay,
        )

    if mode == "frozen":
        return (phase("head", epochs),)
    if mode == "two-phase":
        return phase("head", first), phase("all", max(1, epochs - first))
    return (phase("all", epochs),)
