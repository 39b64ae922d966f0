"""What is asked of a run: typed, validated once, complete enough to run it again.

A spec names what to build and never holds weights. Specs are frozen and refuse unknown fields; an
invalid value ends in one sentence that names the field (`parse`). Adding a field with a default
keeps `RunSpec.version`; changing what a field means raises it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from latens.choices import Activation as Activation
from latens.choices import Balance as Balance
from latens.choices import Loss as Loss
from latens.choices import Mode as Mode
from latens.choices import Optimizer as Optimizer
from latens.choices import Schedule as Schedule
from latens.errors import FieldError, UsageError, in_words, unknown_name

Positive: TypeAlias = Annotated[int, Field(ge=1)]
Fraction: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]
Rate: TypeAlias = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Group: TypeAlias = Literal["encoder", "decoder", "head"]
Weight: TypeAlias = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Strength: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]


class Spec(BaseModel):
    """Base of all specs: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSpec(Spec):
    """Which images, converted how, divided how.

    `labels` is the number of labelled training images (None: all); `split_seed` decides the test
    part where the data has no official one, the run's `seed` decides validation and label budget.
    """

    source: str
    size: tuple[Positive, Positive] | None = None
    channels: Annotated[int, Field(ge=1, le=4)] | None = None
    keep: dict[str, Positive] = {}
    labels: Positive | None = None
    val_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    split_seed: Annotated[int, Field(ge=0)] = 0


class ConvSpec(Spec):
    """A convolutional encoder of blocks and its mirrored decoder.

    A block is `convs_per_block` convolutions, each with batch normalisation, activation and
    dropout as asked. The image is halved after every block in `down_after` (counted from 1) and
    doubled again after as many of the last decoder blocks; a final convolution gives the pixels.
    `kernel_size` is one number, or one a block of the encoder (the decoder uses the last).
    `latent` adds a dense code of that width; without it the code is the last feature map.
    `tied` makes the decoder use the encoder's own kernels, transposed; the decoder must mirror the
    encoder then.
    """

    kind: Literal["conv"] = "conv"
    encoder_filters: Annotated[tuple[Positive, ...], Field(min_length=1)] = (32,) * 5
    decoder_filters: Annotated[tuple[Positive, ...], Field(min_length=1)] = (32,) * 5
    convs_per_block: Positive = 1
    kernel_size: Positive | tuple[Positive, ...] = 3
    down_after: tuple[Positive, ...] = (1, 2)
    down: Literal["max", "average", "stride"] = "max"
    up: Literal["nearest", "transposed"] = "nearest"
    batch_norm: bool = True
    dropout: Fraction = 0.0
    activation: Activation = "relu"
    latent: Positive | None = None
    tied: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        blocks, halvings = len(self.encoder_filters), len(self.down_after)
        if len(set(self.down_after)) < halvings or any(b > blocks for b in self.down_after):
            raise ValueError(
                f"down_after must name different blocks from 1 to {blocks}; got {self.down_after}"
            )
        if halvings > len(self.decoder_filters):
            raise ValueError(
                f"decoder_filters needs at least {halvings} blocks to undo down_after; "
                f"got {len(self.decoder_filters)}"
            )
        if isinstance(self.kernel_size, tuple) and len(self.kernel_size) != blocks:
            raise ValueError(
                f"kernel_size must be one number or one for each of the {blocks} encoder blocks; "
                f"got {self.kernel_size}"
            )
        return self

    def kernel(self, block: int) -> int:
        """The kernel size of encoder block `block`, counted from 0."""
        return self.kernel_size if isinstance(self.kernel_size, int) else self.kernel_size[block]


class MLPSpec(Spec):
    """A dense encoder and its mirrored decoder: `hidden` widths, then a code of `latent`.

    Without `latent` the code is what the last hidden layer gives, after its activation.
    `tied` makes the decoder use the encoder's own weights, transposed.
    """

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Positive, ...] = (128,)
    latent: Positive | None = 32
    batch_norm: bool = False
    dropout: Fraction = 0.0
    activation: Activation = "relu"
    tied: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.hidden and self.latent is None:
            raise ValueError("hidden must have a layer where latent is none; got neither")
        return self


class ResidualSpec(Spec):
    """A residual encoder and its mirrored decoder.

    A `patch` x `patch` projection, then stages of `blocks` residual blocks (two 3x3 convolutions
    with batch normalisation, He et al. 2016) at each of `widths`; the image is halved between
    stages. `latent` adds a dense code; without it the code is the last feature map. `out_filters`
    is the width of that last map where it should be narrower than the last stage.
    """

    kind: Literal["residual"] = "residual"
    patch: Positive = 4
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (64,)
    blocks: Positive = 4
    out_filters: Positive | None = None
    dropout: Fraction = 0.0
    activation: Activation = "relu"
    latent: Positive | None = None


EncoderSpec: TypeAlias = Annotated[ConvSpec | MLPSpec | ResidualSpec, Field(discriminator="kind")]


class HeadSpec(Spec):
    """From features to class scores: pooling, layers with dropout, one output a class.

    `dense` has layers of the widths in `hidden`. `conv1d` first runs 1-D convolutions of
    `filters` kernels over the code as a sequence, `conv2d` 2-D ones over feature maps, both of
    `kernel_size`, each with batch normalisation, ReLU and pooling by 2 while there is room.
    `pool` acts on feature maps alone: `flatten` keeps every number, `mean` and `mean-max` keep
    one or two a channel. `stage` takes the features from a named stage of the encoder, such as
    "block2", instead of from its end.
    """

    kind: Literal["dense", "conv1d", "conv2d"] = "dense"
    hidden: tuple[Positive, ...] = (100,)
    filters: tuple[Positive, ...] = (32, 64)
    kernel_size: Positive = 3
    dropout: Fraction = 0.3
    pool: Literal["flatten", "mean", "mean-max"] = "flatten"
    stage: str | None = None


class AugmentSpec(Spec):
    """One augmentation by its file's name in `latens/corrupt/`, and its strength from 0 to 1."""

    name: str
    strength: Strength = 1.0


class CorruptSpec(Spec):
    """One corruption by its file's name in `latens/corrupt/`.

    `strength` from 0 to 1 is fixed, or a pair (low, high) from which each image draws its own.
    """

    name: str
    strength: Strength | tuple[Strength, Strength] = 0.4


class ReconstructSpec(Spec):
    """Give the image back. `loss` is the mean squared error, or binary cross-entropy a pixel."""

    kind: Literal["reconstruct"] = "reconstruct"
    loss: Loss = "mse"


class DenoiseSpec(Spec):
    """Give the clean image back from a corrupted one (Vincent et al. 2008)."""

    kind: Literal["denoise"] = "denoise"
    loss: Loss = "mse"
    corruptions: Annotated[tuple[CorruptSpec, ...], Field(min_length=1)] = (
        CorruptSpec(name="salt_pepper"),
    )


class MaskedSpec(Spec):
    """Give hidden patches back: the loss counts `share` of the patches, which the encoder sees
    as black (in the spirit of He et al. 2022)."""

    kind: Literal["masked"] = "masked"
    loss: Loss = "mse"
    patch: Positive = 4
    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5


class VaeSpec(Spec):
    """A variational autoencoder (Kingma and Welling 2014) with `latent` normal variables.

    `beta` weighs the divergence (Higgins et al. 2017); `free_bits` nats of it a variable are free
    (Kingma et al. 2016). `binarise` draws each pixel as 0 or 1 with its grey value as
    probability, anew each time. `conditional` tells encoder and decoder the class.
    """

    kind: Literal["vae"] = "vae"
    latent: Positive = 32
    beta: Weight = 1.0
    free_bits: Weight = 0.0
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    binarise: bool = False
    conditional: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.binarise and self.likelihood != "bernoulli":
            raise ValueError("binarise needs the likelihood bernoulli; got gaussian")
        return self


class ClassifySpec(Spec):
    """Name the class, by cross-entropy; `label_smoothing` moves that much to the other classes.

    `balance` answers unequal class counts: weights by inverse frequency, balanced softmax (Ren et
    al. 2020), or logit adjustment of the trained scores (Menon et al. 2021). `corruptions` are
    done to the images that it trains on and is validated on.
    """

    kind: Literal["classify"] = "classify"
    label_smoothing: Fraction = 0.0
    balance: Balance = "none"
    corruptions: tuple[CorruptSpec, ...] = ()


class JointSpec(Spec):
    """Reconstruct and classify at once, from one encoder.

    The loss is the weighted sum; with `learned`, weights by uncertainty that start from these
    (Kendall et al. 2018). Images without a label are only reconstructed.
    """

    kind: Literal["joint"] = "joint"
    loss: Loss = "mse"
    reconstruct_weight: Weight = 1.0
    classify_weight: Weight = 1.0
    learned: bool = False
    label_smoothing: Fraction = 0.0
    balance: Balance = "none"
    corruptions: tuple[CorruptSpec, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.learned and not self.reconstruct_weight * self.classify_weight:
            raise ValueError("weights that are learned must start above 0; one is 0")
        return self


ObjectiveSpec: TypeAlias = Annotated[
    ReconstructSpec | DenoiseSpec | MaskedSpec | VaeSpec | ClassifySpec | JointSpec,
    Field(discriminator="kind"),
]
CLASSIFIES = ("classify", "joint")


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


class Origin(Spec):
    """Where pretrained encoder weights came from: the run, and a sha256 of the weights."""

    run: str
    weights: str
    fingerprint: str


class RunSpec(Spec):
    """Everything that one training was asked to do."""

    version: Literal[1] = 1
    task: Literal["pretrain", "classify"]
    data: DataSpec
    encoder: EncoderSpec = ConvSpec()
    objective: ObjectiveSpec = ReconstructSpec()
    head: HeadSpec | None = None
    phases: Annotated[tuple[PhaseSpec, ...], Field(min_length=1)]
    train: TrainSpec = TrainSpec()
    mode: Mode | None = None
    origin: Origin | None = None

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


S = TypeVar("S", bound=Spec)


def parse(kind: type[S], values: Mapping[str, Any]) -> S:
    """Validate `values` into a spec; a `UsageError` names the first field that is wrong."""
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise _told(error.errors()[0], values) from None


def checked(name: str, kind: Any, value: Any) -> Any:
    """`value` as the type `kind`; a `UsageError` names the keyword `name` if it is none."""
    try:
        return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(
            value
        )
    except ValidationError as error:
        first = error.errors()[0]
        names = _literals(kind)
        if first["type"] == "literal_error" and isinstance(value, str):
            raise unknown_name(name, value, names) from None
        raise FieldError(
            name, in_words(first["type"], first.get("ctx", {})), _short({**first, "input": value})
        ) from None


def _literals(kind: Any) -> list[str]:
    """The texts that a type such as ``Literal["a", "b"] | None`` allows."""
    inner = get_args(kind)
    return [
        text for part in inner for text in ([part] if isinstance(part, str) else _literals(part))
    ]


def _told(first: ErrorDetails, values: Mapping[str, Any]) -> UsageError:
    """What pydantic complains of, in plain words."""
    field, kind = _field(first["loc"], values, missing=first["type"] == "missing"), first["type"]
    if kind == "value_error":  # from a validator above, which names the field itself
        return UsageError(
            f"Expected settings that fit together: {first['msg'].removeprefix('Value error, ')}.",
            hint="Change one of them; 'spec.json' of any run shows how they are written.",
            code="bad-spec",
        )
    context = first.get("ctx", {})
    if kind == "union_tag_invalid":
        return FieldError(f"{field}.kind", in_words(kind, context), repr(context["tag"]))
    return FieldError(field, in_words(kind, context), _short(first))


def _field(place: tuple[int | str, ...], values: Any, *, missing: bool) -> str:
    """The dotted name as people type it: pydantic's place without its names of union members."""
    path: list[str] = []
    for part in place:
        inside_list = isinstance(values, list | tuple) and isinstance(part, int)
        if inside_list or (isinstance(values, Mapping) and part in values):
            values = values[part]
            path.append(str(part))
        elif missing and part == place[-1]:
            path.append(str(part))
    return ".".join(path)


def _short(error: ErrorDetails) -> str:
    """What came, if one can read it at a glance."""
    if error["type"] == "missing":
        return "nothing"
    text = repr(error["input"])
    if len(text) <= 60:
        return text
    return f"a {type(error['input']).__name__} of {len(text)} characters"


def mirrored(
    layers: int, filters: int, *, doubling: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Encoder and decoder filters for `layers` convolution blocks in all, as the reports count.

    An odd number gives the encoder one more: 9 layers are 5 and 4. With `doubling` each encoder
    block has twice the filters of the one before, and the decoder walks the same list backwards.
    """
    if layers < 2:
        raise UsageError(
            f"Expected at least 2 convolution layers (one each way); got {layers}.",
            hint="Use --conv-layers 2 or more.",
            code="bad-spec",
        )
    down = layers - layers // 2
    encoder = tuple(filters * 2**i if doubling else filters for i in range(down))
    return encoder, tuple(reversed(encoder))[down - layers // 2 :]
