"""Recipes by name, as `latens pretrain --recipe` and `classify --recipe` take them.

Each is a set of the options of `latens.app.settings`; what is typed beside it is stronger. First
come latens' own besides its defaults, then those of the five reports. What a report leaves open
(its optimiser's rate, say) is Keras's default of its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KERAS_RMSPROP = {"optimizer": "rmsprop", "learning_rate": 1e-3, "schedule": "constant"}
_KERAS_ADAM = {"optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant"}

PRETRAIN: Mapping[str, Mapping[str, Any]] = {
    "feature-map": {  # a code as wide as a copy needs: of 7x7x32 for images of 28x28
        "learning_rate": 6e-3,
        "overrides": {"encoder": {"kind": "residual", "blocks": 1, "out_filters": 32}},
    },
    "report-1-autoencoder": {  # section 5.5: the encoder of its classifiers
        **_KERAS_RMSPROP, "conv_layers": 9, "kernel_size": 4, "filters": 16,
        "double_filters": True, "epochs": 100, "batch_size": 256,
    },
    "report-2-autoencoder": {  # what it found ideal
        **_KERAS_RMSPROP, "conv_layers": 10, "kernel_size": 3, "filters": 32, "epochs": 20,
        "batch_size": 128,
    },
    "report-3-denoiser": {  # section 4: two dense layers each way
        **_KERAS_ADAM, "objective": "denoise", "noise": "salt-pepper=0.4", "loss": "bce",
        "epochs": 32, "batch_size": 64,
        "overrides": {"encoder": {"kind": "mlp", "hidden": [128, 96], "latent": None}},
    },
    "report-4-denoiser": {  # M1
        **_KERAS_ADAM, "objective": "denoise", "noise": "gaussian=0.4", "epochs": 20,
        "batch_size": 128,
        "overrides": {"encoder": {
            "kind": "conv", "encoder_filters": [32, 64, 128, 256], "convs_per_block": 2,
            "decoder_filters": [128, 64, 32], "down_after": [1, 2], "down": "max",
        }},
    },
}  # fmt: skip
"""Autoencoders."""

CLASSIFY: Mapping[str, Mapping[str, Any]] = {
    "one-epoch": {  # each image is seen once: nothing that keeps from learning by heart
        "epochs": 1, "batch_size": 88, "augment": False, "dropout": 0.0, "label_smoothing": 0.1,
        "overrides": {"encoder": {
            "kind": "conv", "encoder_filters": [32, 64, 64, 64], "decoder_filters": [32, 16],
            "kernel_size": [5, 3, 3, 3], "down_after": [1, 2], "down": "stride",
        }},
    },
    "thorough": {  # judged at the end alone, because five views of each image take their time
        "epochs": 18, "label_smoothing": 0.1, "views": "shift",
        "overrides": {"train.validate_every": 100},
    },
    "report-1-classifier": {  # section 5.5.1, on an encoder: --encoder RUN
        **_KERAS_RMSPROP, "epochs": 20, "batch_size": 256, "hidden": (100,), "dropout": 0.3,
        "augment": False, "weight_decay": 0.0,
    },
    "report-3-dense": {  # section 2
        **_KERAS_ADAM, "epochs": 10, "hidden": (64,), "dropout": 0.0, "augment": False,
        "weight_decay": 0.0,
        "overrides": {"encoder": {"kind": "mlp", "hidden": [64], "latent": None}},
    },
    "report-3-cnn": {  # section 3, after its three rounds
        **_KERAS_ADAM, "epochs": 12, "hidden": (32,), "dropout": 0.5, "augment": False,
        "weight_decay": 0.0,
        "overrides": {
            "encoder": {
                "kind": "conv", "encoder_filters": [32, 32], "decoder_filters": [32],
                "down_after": [1], "dropout": 0.25, "batch_norm": False,
            },
            "head.pool": "flatten",
        },
    },
    "report-4-dense": {  # M2
        **_KERAS_ADAM, "epochs": 20, "hidden": (64,), "dropout": 0.0, "augment": False,
        "weight_decay": 0.0,
        "overrides": {"encoder": {"kind": "mlp", "hidden": [64], "latent": None}},
    },
}  # fmt: skip
"""Classifiers."""
