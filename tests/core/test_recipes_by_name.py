"""Recipes by name: latens' own besides its defaults, and those of the reports."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from latens import choices, recipes_by_name
from latens.app.classify import planned as planned_classifier
from latens.app.pretrain import planned as planned_autoencoder
from latens.app.sweep import sweep
from latens.errors import UsageError
from latens.nn.model import build


def test_every_name_has_its_recipe() -> None:
    assert get_args(choices.RecipeOfAutoencoder) == tuple(recipes_by_name.PRETRAIN)
    assert get_args(choices.RecipeOfClassifier) == tuple(recipes_by_name.CLASSIFY)


REPORTED = {
    "pretrain": [name for name in recipes_by_name.PRETRAIN if name.startswith("report-")],
    "classify": [name for name in recipes_by_name.CLASSIFY if name.startswith("report-")],
}


@pytest.mark.parametrize("name", REPORTED["pretrain"])
def test_autoencoders_learn_as_the_report_had_it(name: str) -> None:
    spec, _ = planned_autoencoder("digits", recipe=name)  # type: ignore[arg-type]
    recipe = recipes_by_name.PRETRAIN[name]
    (phase,) = spec.phases
    assert phase.epochs == recipe["epochs"] and phase.optimizer == recipe["optimizer"]
    assert spec.train.batch_size == recipe["batch_size"]


@pytest.mark.parametrize("name", REPORTED["classify"])
def test_classifiers_learn_as_the_report_had_it(name: str) -> None:
    spec, _ = planned_classifier("digits", recipe=name)  # type: ignore[arg-type]
    assert spec.train.augment == () and spec.head is not None
    assert spec.phases[0].epochs == recipes_by_name.CLASSIFY[name]["epochs"]


def test_a_feature_map_of_mnist_is_of_7x7x32() -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)
    spec, read = planned_autoencoder(images, recipe="feature-map")
    assert build(spec.encoder, read.shape, decoder=True).feature_shape == (32, 7, 7)


def test_one_epoch_sees_each_image_once_and_as_it_is() -> None:
    spec, _ = planned_classifier("digits", recipe="one-epoch")
    assert [phase.epochs for phase in spec.phases] == [1]
    assert spec.train.augment == () and spec.head is not None and spec.head.dropout == 0


def test_thorough_learns_longer_than_the_default_and_looks_five_times() -> None:
    many = np.zeros((50_000, 4, 4), np.uint8), np.arange(50_000) % 10
    longer, _ = planned_classifier(many, recipe="thorough")
    usual, _ = planned_classifier(many)
    assert longer.phases[0].epochs > 2 * usual.phases[0].epochs
    assert longer.encoder == usual.encoder
    assert longer.head is not None and longer.head.views == "shift"


def test_what_is_given_beside_a_recipe_is_stronger() -> None:
    spec, _ = planned_autoencoder(
        "digits", recipe="report-3-denoiser", epochs=2, overrides={"encoder.activation": "elu"}
    )
    assert spec.phases[0].epochs == 2
    assert spec.encoder.activation == "elu" and spec.encoder.kind == "mlp"


def test_a_recipe_with_a_network_of_its_own_refuses_another() -> None:
    with pytest.raises(UsageError, match="report-4-denoiser with its own network; got --filters"):
        planned_autoencoder("digits", recipe="report-4-denoiser", filters=8)


def test_a_refused_width_of_the_code_has_another_way() -> None:
    with pytest.raises(UsageError, match="got --latent") as caught:
        planned_autoencoder("digits", recipe="feature-map", latent=16)
    assert "--set encoder.latent=16" in caught.value.hint
    spec, _ = planned_autoencoder(
        "digits", recipe="feature-map", overrides={"encoder.latent": "16"}
    )
    assert spec.encoder.latent == 16


def test_options_of_a_recipes_own_network_are_stronger_too() -> None:
    spec, _ = planned_classifier("digits", recipe="report-3-cnn", pool="mean", activation="elu")
    assert spec.head is not None and spec.head.pool == "mean"
    assert spec.encoder.activation == "elu" and spec.encoder.kind == "conv"


def test_the_trials_of_a_search_are_checked_as_one_training_is() -> None:
    with pytest.raises(UsageError, match="with its own network; got --latent"):
        sweep(
            "digits", "pretrain", recipe="report-3-denoiser", params={"latent": "2,16"},
            search="grid", work=False,
        )  # fmt: skip
