"""How a training goes: its phases, and what is the same in all of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from latens.choices import Optimizer, Schedule
from latens.spec._base import Fraction, Positive, Rate, Spec, Strength, Weight

Group: TypeAlias = Literal["encoder", "decoder", "head"]


class AugmentSpec(Spec):
    """One augmentation by its file's name in `latens/corrupt/`, and its strength from 0 to 1."""

    name: str
    strength: Strength = 1.0


class PhaseSpec(Spec):
    """One stretch of training: which parameter groups move, how fast, for how many epochs.

    `weight_decay` is the optimiser's own; `l1` and `l2` add the sum of absolute and of squared
    weights (of kernels and matrices, no biases) to the loss. The schedule `plateau` multiplies
    the rate by 0.3 after 3 validations without a better one.
    """

    name: str
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]
    epochs: Positive
    optimizer: Optimizer = "adam"
    learning_rate: Rate = 1e-3
    schedule: Schedule = "constant"
    weight_decay: Weight = 0.0
    l1: Weight = 0.0
    l2: Weight = 0.0


class TrainSpec(Spec):
    """How to train, apart from the phases.

    `keep` says which weights the run ends with: those of the best epoch on validation, or the
    last. `early_stopping` is a patience in validations, which come every `validate_every`
    epochs. `double_batch_every` doubles the batch size after so many epochs of a phase, to
    `largest_batch` at most (Smith et al. 2018). `average` is the decay of a running mean of the
    weights, which is what is validated and kept; 0 for none. `threads` is None for the machine's
    choice.
    """

    batch_size: Positive = 128
    double_batch_every: Positive | None = None
    largest_batch: Positive = 1024
    average: Fraction = 0.0
    seed: Annotated[int, Field(ge=0)] = 0
    early_stopping: Positive | None = None
    keep: Literal["best", "last"] = "best"
    validate_every: Positive = 1
    augment: tuple[AugmentSpec, ...] = ()
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Positive | None = None
