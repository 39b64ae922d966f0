"""The options that several commands share, once: see `latens.app.settings`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from latens import choices
from latens.app import texts
from latens.app.setting import IMAGES, MACHINE, NETWORK, RARE, Setting

Effects = str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any]
"""Names from `latens/corrupt/` with strengths from 0 to 1: ``"gaussian=0.3"``, ``["flip"]``,
``{"gaussian": 0.3}``, ``{"gaussian": (0.1, 0.5)}``."""


class DataOptions(TypedDict, total=False):
    """Which images, and how they are converted."""

    size: Annotated[
        tuple[int, int] | int | None,
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
        Setting(
            "Learning rate over time.",
            at="phases.schedule",
            shown="by the images, mostly one-cycle",
        ),
    ]
    weight_decay: Annotated[
        float | None,
        Setting("The optimiser's own shrinking of weights.", at="phases.weight_decay",
                shown="by images and optimiser for classifiers, else 0"),
    ]  # fmt: skip
    augment: Annotated[
        Effects | bool | None,
        Setting("Change training images, as flip,affine=0.5; or none.",
                shown="to classify, by the images; else none", read=texts.effects,
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
