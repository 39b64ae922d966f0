"""Everything that one training was asked to do."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from latens.choices import Mode
from latens.spec._base import Fraction, Positive, Spec
from latens.spec.layers import LayersHeadSpec
from latens.spec.networks import ConvSpec, EncoderSpec, HeadSpec
from latens.spec.objectives import CLASSIFIES, ObjectiveSpec, ReconstructSpec
from latens.spec.training import Group, PhaseSpec, TrainSpec


class DataSpec(Spec):
    """Which images, converted how, divided how.

    `source` is empty where a run came from elsewhere and without images.
    `labels` is the number of labelled training images (None: all); `split_seed` decides the test
    part where the data has no official one, the run's `seed` decides validation and label budget.
    """

    source: str
    size: tuple[Positive, Positive] | None = None
    channels: Annotated[int, Field(ge=1, le=4)] | None = None
    keep: dict[str, Positive] = Field(default_factory=dict)
    labels: Positive | None = None
    val_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    test_fraction: Fraction = 0.2
    split_seed: Annotated[int, Field(ge=0)] = 0


class Origin(Spec):
    """Where pretrained encoder weights came from: the run, and a sha256 of the weights."""

    run: str
    weights: str
    fingerprint: str


class Imported(Spec):
    """The file of another program that a run was read from, so that nothing was trained here.

    `written_by` is that program with its version, `sha256` of the file, `encoder_end` the layer
    that was taken for the encoder's last.
    """

    format: str
    file: str
    sha256: str
    written_by: str
    encoder_end: str

    @property
    def ours(self) -> bool:
        """Whether latens exported it, so that it was trained here or in another latens."""
        return self.written_by.startswith("latens ")


class RunSpec(Spec):
    """Everything that one training was asked to do."""

    version: Literal[1] = 1
    task: Literal["pretrain", "classify"]
    data: DataSpec
    encoder: EncoderSpec = ConvSpec()
    objective: ObjectiveSpec = ReconstructSpec()
    head: HeadSpec | LayersHeadSpec | None = None
    imported: Imported | None = None
    phases: tuple[PhaseSpec, ...]
    train: TrainSpec = TrainSpec()
    mode: Mode | None = None
    origin: Origin | None = None

    @field_validator("phases")
    @classmethod
    def _trains(cls, phases: tuple[PhaseSpec, ...], info: ValidationInfo) -> tuple[PhaseSpec, ...]:
        if not phases and not info.data.get("imported"):
            raise PydanticCustomError(
                "too_short", "a run that trains has phases", {"min_length": 1}
            )
        return phases

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.task == "classify") != (self.objective.kind in CLASSIFIES):
            raise ValueError(
                f"objective.kind must suit the task {self.task}; got {self.objective.kind!r}"
            )
        if self.task == "classify" and self.head is None:
            raise ValueError("a run that classifies needs a head; head is not set")
        if len({phase.name for phase in self.phases}) < len(self.phases):
            raise ValueError("phases must have names of their own; two are the same")
        there = {"encoder", *self.parts}
        for group in (group for phase in self.phases for group in phase.groups):
            if group not in there:
                raise ValueError(
                    f"phases may move {' and '.join(sorted(there))} of a run that is to "
                    f"{self.task}; got {group!r}"
                )
        return self

    @property
    def parts(self) -> tuple[Group, ...]:
        """What the model has beside its encoder."""
        if self.objective.kind == "joint":
            return ("decoder", "head")
        return ("head",) if self.task == "classify" else ("decoder",)
