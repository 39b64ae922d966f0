"""Every option of `pretrain`, `classify` and `compare`, once.

A line here (or in `settings_shared`) is all that a new option needs: the keyword in Python
(completed and checked by types), the flag with its help, and the field of the spec that it sets
(`at`) are read from it. An option whose field the chosen objective, network or head does not have
is refused. Options without `at` have a meaning of their own in `latens.app`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypedDict, get_args

from latens import choices
from latens.app import texts
from latens.app.setting import ELSEWHERE as ELSEWHERE
from latens.app.setting import NETWORK, OBJECTIVE, RARE
from latens.app.setting import Setting as Setting
from latens.app.setting import flag as flag
from latens.app.setting import table as table
from latens.app.settings_shared import DataOptions as DataOptions
from latens.app.settings_shared import Effects as Effects
from latens.app.settings_shared import NetworkOptions as NetworkOptions
from latens.app.settings_shared import TrainingOptions as TrainingOptions


def _recipes(names: object) -> str:
    return f"Settings under a name, which other options change: {', '.join(get_args(names))}."


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
                at="objective.label_smoothing", shown="by the images, mostly 0", panel=OBJECTIVE),
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
    views: Annotated[
        choices.Views | None,
        Setting("Average the scores over an image, its mirror image, and it shifted by a pixel.",
                at="head.views", panel=RARE, shown="mirror where training mirrors, else none"),
    ]  # fmt: skip
    head_filters: Annotated[
        Sequence[int] | None,
        Setting("Kernels of a conv1d or conv2d head's layers.", at="head.filters",
                shown="32,64", read=texts.numbers, metavar="N,…", panel=RARE),
    ]  # fmt: skip


class PretrainOptions(RebuildingOptions, NetworkOptions, TrainingOptions, total=False):
    """What `latens.pretrain` takes."""

    recipe: Annotated[
        choices.RecipeOfAutoencoder | None,
        Setting(_recipes(choices.RecipeOfAutoencoder), shown="latens' defaults", metavar="NAME"),
    ]
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

    recipe: Annotated[
        choices.RecipeOfClassifier | None,
        Setting(_recipes(choices.RecipeOfClassifier), shown="latens' defaults", metavar="NAME"),
    ]
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
