"""What there is to say about an option, and how a bundle of options is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

PANELS = EXPLORE, OBJECTIVE, NETWORK, TRAINING, IMAGES, MACHINE, RARE = (
    "What to look at", "Objective", "Network", "Training", "Images", "Machine", "Rarely needed",
)  # fmt: skip


ELSEWHERE = {
    "lr": "learning_rate", "rate": "learning_rate", "bs": "batch_size", "batch": "batch_size",
    "wd": "weight_decay", "decay": "weight_decay", "opt": "optimizer", "act": "activation",
    "drop": "dropout", "kernel": "kernel_size", "ks": "kernel_size",
    "width": "filters", "layers": "conv_layers", "depth": "conv_layers", "units": "hidden",
    "neurons": "hidden", "code": "latent", "bottleneck": "latent", "latent_dim": "latent",
    "lr_schedule": "schedule", "scheduler": "schedule", "lr_scheduler": "schedule",
    "patience": "early_stopping", "augmentation": "augment", "model": "network",
}  # fmt: skip
"""What options are called elsewhere, for "did you mean"."""


@dataclass(frozen=True)
class Setting:
    """What there is to say about an option besides its name and type.

    Attributes:
        help: one line.
        at: the dotted field of the spec that it sets; `phases.x` sets x of every phase.
        needs: a field that must be there for the option to have an effect, where `at` is not set.
        shown: the default, in words.
        panel: the part of the help where it stands.
        least, most: bounds that the command line checks.
        read: makes the value from the command line's text; `metavar` is the form of that text.
        many: the flag may be repeated, and `read` gets all texts.
        flag: where it is not the name with dashes; `off` is a flag for "none".
    """

    help: str
    at: str = ""
    needs: str = ""
    shown: str = ""
    panel: str = TRAINING
    least: float | None = None
    most: float | None = None
    read: Callable[[Any], Any] | None = None
    metavar: str | None = None
    many: bool = False
    flag: str = ""
    off: str = ""


@cache
def table(bundle: type) -> Mapping[str, tuple[Any, Setting]]:
    """Every option of a bundle: its type and its `Setting`, panel after panel."""
    hints = get_type_hints(bundle, include_extras=True).items()
    found = {name: get_args(hint) for name, hint in hints}
    order = sorted(found, key=lambda name: PANELS.index(found[name][1].panel))
    return {name: (found[name][0], found[name][1]) for name in order}


def flag(name: str, setting: Setting) -> str:
    """How an option is typed on the command line."""
    return setting.flag or "--" + name.replace("_", "-")
