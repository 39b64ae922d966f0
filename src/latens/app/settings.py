"""Every option of `pretrain`, `classify` and `compare`, once.

A line here is all that a new option needs: the keyword in Python (completed and checked by types),
the flag with its help, and the field of the spec that it sets (`at`) are read from it. An option
whose field the chosen objective, network or head does not have is refused. Options without `at`
have a meaning of their own in `latens.app`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypedDict, get_args, get_type_hints

from latens import choices
from latens.app import texts

PANELS = OBJECTIVE, NETWORK, TRAINING, IMAGES, MACHINE, RARE = (
    "Objective", "Network", "Training", "Images", "Machine", "Rarely needed",
)  # fmt: skip


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


Effects = str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any]
"""Names from `latens/corrupt/` with strengths from 0 to 1: ``"gaussian=0.3"``, ``["flip"]``,
``{"gaussian": 0.3}``, ``{"gaussian": (0.1, 0.5)}``."""


class DataOptions(TypedDict, total=False):
    """Which images, and how they are converted."""

    size: Annotated[
        tuple[int, int] | None,
        Setting("Resize images, as 32 or 28x28.", at="data.size", panel=IMAGES,
                read=texts.size, metavar="HxW"),
    ]  # fmt: skip
    channels: Annotated[
        int | None,
        Setting("Convert to grey (1) or colour (3).", at="data.channels", panel=IMAGES,
                least=1, most=4),
    ]  # fmt: skip
    keep: Annotated[
        Mapping[str, int] | None,
        Setting("Keep so many training images of a class.", at="data.keep", panel=IMAGES,
                read=texts.keep, metavar="CLASS=N,…"),
    ]  # fmt: skip
    val_fraction: Annotated[
        float | None,
        Setting("Share of training images held out to choose by.", at="data.val_fraction",
                shown="0.1", panel=IMAGES),
    ]  # fmt: skip


class TrainingOptions(DataOptions, total=False):
    """How to train: what every command that trains takes."""

    epochs: Annotated[
        int | None,
        Setting("Passes over the training images.", shown="by how many there are", least=1),
    ]
    batch_size: Annotated[
        int | None, Setting("Images an update.", at="train.batch_size", shown="128", least=1)
    ]
    optimizer: Annotated[
        choices.Optimizer | None,
        Setting("Optimiser.", at="phases.optimizer", shown="adam; adamw for classifiers"),
    ]
    learning_rate: Annotated[
        float | None,
        Setting("Peak learning rate.", at="phases.learning_rate", shown="by optimiser"),
    ]
    schedule: Annotated[
        choices.Schedule | None,
        Setting("Learning rate over time.", at="phases.schedule", shown="one-cycle"),
    ]
    weight_decay: Annotated[
        float | None,
        Setting("The optimiser's own shrinking of weights.", at="phases.weight_decay",
                shown="by optimiser for classifiers, else 0"),
    ]  # fmt: skip
    augment: Annotated[
        Effects | bool | None,
        Setting("Change training images, as flip,affine=0.5; or none.",
                shown="affine to classify, else none", read=texts.effects,
                metavar="NAME[=STRENGTH],…", off="--no-augment"),
    ]  # fmt: skip
    early_stopping: Annotated[
        int | None,
        Setting("Stop after N validations without a better one.", at="train.early_stopping",
                least=1, metavar="N"),
    ]  # fmt: skip
    seed: Annotated[
        int | None,
        Setting("Decides split, weights, order, noise.", at="train.seed", shown="0", least=0),
    ]
    overrides: Annotated[
        Mapping[str, Any] | None,
        Setting("Any field of the spec, as encoder.up=transposed. May be repeated.",
                read=texts.overrides, many=True, metavar="FIELD=VALUE", flag="--set"),
    ]  # fmt: skip
    keep_weights: Annotated[
        choices.Keep | None,
        Setting("End with the best epoch's weights on validation, or the last.",
                at="train.keep", shown="best; last with a label budget", panel=RARE),
    ]  # fmt: skip
    average: Annotated[
        float | None,
        Setting("Decay of a running mean of the weights, as 0.99.", at="train.average",
                shown="0, none", panel=RARE),
    ]  # fmt: skip
    double_batch_every: Annotated[
        int | None,
        Setting("Double the batch size after so many epochs.", at="train.double_batch_every",
                least=1, panel=RARE, metavar="N"),
    ]  # fmt: skip
    l1: Annotated[
        float | None,
        Setting("Weight of the sum of absolute weights in the loss.", at="phases.l1",
                shown="0", panel=RARE),
    ]  # fmt: skip
    l2: Annotated[
        float | None,
        Setting("Weight of the sum of squared weights in the loss.", at="phases.l2",
                shown="0", panel=RARE),
    ]  # fmt: skip
    device: Annotated[
        str | None, Setting("auto, cpu, cuda.", at="train.device", shown="auto", panel=MACHINE)
    ]
    precision: Annotated[
        choices.Precision | None,
        Setting("Of matrix products.", at="train.precision", shown="auto", panel=MACHINE),
    ]
    threads: Annotated[
        int | None,
        Setting("CPU threads.", at="train.threads", shown="all cores", least=1, panel=MACHINE),
    ]


class NetworkOptions(TypedDict, total=False):
    """The encoder, and the decoder that mirrors it."""

    network: Annotated[
        choices.Network | None, Setting("Kind of network.", shown="conv", panel=NETWORK)
    ]
    conv_layers: Annotated[
        int | None,
        Setting("Convolutions in all, half each way.", needs="encoder.encoder_filters",
                least=2, panel=NETWORK),
    ]  # fmt: skip
    kernel_size: Annotated[
        int | None,
        Setting("Side of the kernels.", at="encoder.kernel_size", least=1, panel=NETWORK),
    ]
    filters: Annotated[
        int | None,
        Setting("Kernels a layer.", needs="encoder.encoder_filters", least=1, panel=NETWORK),
    ]
    double_filters: Annotated[
        bool | None,
        Setting("Twice as many a layer.", needs="encoder.encoder_filters", panel=NETWORK),
    ]
    convs_per_block: Annotated[
        int | None,
        Setting("Convolutions a block.", at="encoder.convs_per_block", shown="1", least=1,
                panel=NETWORK),
    ]  # fmt: skip
    latent: Annotated[
        int | None,
        Setting("Width of the dense code; 0 for none.", least=0, panel=NETWORK,
                shown="64 at most"),
    ]  # fmt: skip
    activation: Annotated[
        choices.Activation | None,
        Setting("Between layers.", at="encoder.activation", shown="relu", panel=RARE),
    ]


class RebuildingOptions(TypedDict, total=False):
    """What an autoencoder learns."""

    objective: Annotated[
        choices.Rebuilding | None,
        Setting("What is learned.", shown="reconstruct; denoise with --noise", panel=OBJECTIVE),
    ]
    loss: Annotated[
        choices.Loss | None,
        Setting("Squared error or binary cross-entropy.", at="objective.loss", shown="mse",
                panel=OBJECTIVE),
    ]  # fmt: skip
    noise: Annotated[
        Effects | None,
        Setting("Corrupt inputs, as gaussian=0.3 or salt-pepper=0..0.5. May be repeated.",
                needs="objective.corruptions", read=texts.effects, many=True, panel=OBJECTIVE,
                metavar="NAME[=S|LOW..HIGH]"),
    ]  # fmt: skip
    mask_share: Annotated[
        float | None,
        Setting("Share of patches that masked hides.", at="objective.share", shown="0.5",
                panel=OBJECTIVE),
    ]  # fmt: skip
    mask_patch: Annotated[
        int | None,
        Setting("Side of the patches that masked hides.", at="objective.patch", shown="4",
                least=1, panel=RARE),
    ]  # fmt: skip
    beta: Annotated[
        float | None,
        Setting("Weight of a vae's divergence.", at="objective.beta", shown="1", panel=OBJECTIVE),
    ]
    free_bits: Annotated[
        float | None,
        Setting("Nats a variable of a vae that cost nothing.", at="objective.free_bits",
                shown="0", panel=RARE),
    ]  # fmt: skip
    conditional: Annotated[
        bool | None,
        Setting("Tell a vae the class of each image.", at="objective.conditional",
                panel=OBJECTIVE),
    ]  # fmt: skip
    likelihood: Annotated[
        choices.Likelihood | None,
        Setting("Of pixels, for a vae.", at="objective.likelihood", shown="bernoulli",
                panel=RARE),
    ]  # fmt: skip
    binarise: Annotated[
        bool | None,
        Setting("Draw pixels as 0 or 1 for a vae.", at="objective.binarise", panel=RARE),
    ]
    tied: Annotated[
        bool | None,
        Setting("Let the decoder use the encoder's weights.", at="encoder.tied", panel=NETWORK),
    ]


class HeadOptions(TypedDict, total=False):
    """What stands on the encoder of a classifier, and how it learns."""

    balance: Annotated[
        choices.Balance | None,
        Setting("Answer to unequal class counts.", at="objective.balance", shown="none",
                panel=OBJECTIVE),
    ]  # fmt: skip
    label_smoothing: Annotated[
        float | None,
        Setting("Share of each label given to the other classes.",
                at="objective.label_smoothing", shown="0", panel=OBJECTIVE),
    ]  # fmt: skip
    head: Annotated[
        choices.HeadKind | None,
        Setting("Kind of head.", at="head.kind", shown="dense", panel=NETWORK),
    ]
    pool: Annotated[
        choices.Pool | None,
        Setting("Of feature maps, before the head.", at="head.pool", panel=RARE,
                shown="flatten; mean-max from scratch"),
    ]  # fmt: skip
    stage: Annotated[
        str | None,
        Setting("Take features from this stage of the encoder, as block2.", at="head.stage",
                shown="its end", panel=NETWORK),
    ]  # fmt: skip
    head_filters: Annotated[
        Sequence[int] | None,
        Setting("Kernels of a conv1d or conv2d head's layers.", at="head.filters",
                shown="32,64", read=texts.numbers, metavar="N,…", panel=RARE),
    ]  # fmt: skip


class PretrainOptions(RebuildingOptions, NetworkOptions, TrainingOptions, total=False):
    """What `latens.pretrain` takes."""

    hidden: Annotated[
        Sequence[int] | None,
        Setting("Widths of an MLP's layers, as 512,128.", at="encoder.hidden", shown="128",
                read=texts.numbers, metavar="N,…", panel=NETWORK),
    ]  # fmt: skip
    dropout: Annotated[
        float | None,
        Setting("Share of units to drop.", at="encoder.dropout", shown="0", panel=NETWORK),
    ]


class ClassifyOptions(HeadOptions, NetworkOptions, TrainingOptions, total=False):
    """What `latens.classify` takes; the network only where it is trained from scratch."""

    objective: Annotated[
        choices.Naming | None,
        Setting("Classes alone, or images as well.", shown="classify", panel=OBJECTIVE),
    ]
    hidden: Annotated[
        Sequence[int] | None,
        Setting("Widths of the head's layers.", at="head.hidden", shown="100",
                read=texts.numbers, metavar="N,…", panel=NETWORK),
    ]  # fmt: skip
    dropout: Annotated[
        float | None,
        Setting("Share of units the head drops.", at="head.dropout", shown="0.3", panel=NETWORK),
    ]
    noise: Annotated[
        Effects | None,
        Setting("Corrupt images, as gaussian=0.3 or salt-pepper=0..0.5. May be repeated.",
                needs="objective.corruptions", read=texts.effects, many=True, panel=OBJECTIVE,
                metavar="NAME[=S|LOW..HIGH]"),
    ]  # fmt: skip
    reconstruct_weight: Annotated[
        float | None,
        Setting("Weight of the image loss of joint.", at="objective.reconstruct_weight",
                shown="1", panel=OBJECTIVE),
    ]  # fmt: skip
    classify_weight: Annotated[
        float | None,
        Setting("Weight of the class loss of joint.", at="objective.classify_weight",
                shown="1", panel=OBJECTIVE),
    ]  # fmt: skip
    learned_weights: Annotated[
        bool | None,
        Setting("Learn the weights of joint.", at="objective.learned", panel=RARE),
    ]


class CompareOptions(RebuildingOptions, HeadOptions, NetworkOptions, TrainingOptions, total=False):
    """What `latens.compare` takes: for all trainings, for the autoencoders, for the classifiers."""

    pretrain_epochs: Annotated[
        int | None,
        Setting("Epochs of the autoencoders.", shown="by how many images there are", least=1),
    ]


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
