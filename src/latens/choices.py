"""The names that specs, Python and the command line choose among; nothing is imported for them."""

from __future__ import annotations

from typing import Literal, TypeAlias

Activation: TypeAlias = Literal["relu", "gelu", "silu", "elu", "tanh"]
Balance: TypeAlias = Literal["none", "class-weights", "balanced-softmax", "logit-adjustment"]
Exploration: TypeAlias = Literal["noise", "denoising", "maps", "anomaly", "samples", "latent"]
HeadKind: TypeAlias = Literal["dense", "conv1d", "conv2d"]
Keep: TypeAlias = Literal["best", "last"]
Likelihood: TypeAlias = Literal["bernoulli", "gaussian"]
Loss: TypeAlias = Literal["mse", "bce"]
Mode: TypeAlias = Literal["frozen", "two-phase", "fine-tune", "scratch"]
Network: TypeAlias = Literal["conv", "mlp", "residual"]
Naming: TypeAlias = Literal["classify", "joint"]
"""Objectives that name classes."""
Optimizer: TypeAlias = Literal["adam", "adamw", "muon", "rmsprop", "sgd"]
Part: TypeAlias = Literal["validation", "test"]
Pool: TypeAlias = Literal["flatten", "mean", "mean-max"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
Rebuilding: TypeAlias = Literal["reconstruct", "denoise", "masked", "vae"]
"""Objectives that give images back."""
RecipeOfAutoencoder: TypeAlias = Literal[
    "feature-map",
    "report-1-autoencoder", "report-2-autoencoder", "report-3-denoiser", "report-4-denoiser",
]  # fmt: skip
RecipeOfClassifier: TypeAlias = Literal[
    "one-epoch", "thorough",
    "report-1-classifier", "report-3-dense", "report-3-cnn", "report-4-dense",
]  # fmt: skip
"""Recipes; `latens/recipes_by_name.py` says what they are."""
Schedule: TypeAlias = Literal["constant", "cosine", "linear", "one-cycle", "plateau"]
Views: TypeAlias = Literal["none", "mirror", "shift", "both"]
