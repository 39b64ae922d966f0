"""The reports' recipes, by name."""

from __future__ import annotations

from typing import get_args

import pytest

from latens import choices, reported
from latens.app.classify import planned as planned_classifier
from latens.app.pretrain import planned as planned_autoencoder
from latens.app.sweep import sweep
from latens.errors import UsageError


def test_every_name_has_its_recipe() -> None:
    assert get_args(choices.ReportedAutoencoder) == tuple(reported.PRETRAIN)
    assert get_args(choices.ReportedClassifier) == tuple(reported.CLASSIFY)


@pytest.mark.parametrize("name", reported.PRETRAIN)
def test_autoencoders_learn_as_the_report_had_it(name: str) -> None:
    spec, _ = planned_autoencoder("digits", recipe=name)  # type: ignore[arg-type]
    recipe = reported.PRETRAIN[name]
    (phase,) = spec.phases
    assert phase.epochs == recipe["epochs"] and phase.optimizer == recipe["optimizer"]
    assert spec.train.batch_size == recipe["batch_size"]


@pytest.mark.parametrize("name", reported.CLASSIFY)
def test_classifiers_learn_as_the_report_had_it(name: str) -> None:
    spec, _ = planned_classifier("digits", recipe=name)  # type: ignore[arg-type]
    assert spec.train.augment == () and spec.head is not None
    assert spec.phases[0].epochs == reported.CLASSIFY[name]["epochs"]


def test_what_is_given_beside_a_recipe_is_stronger() -> None:
    spec, _ = planned_autoencoder(
        "digits", recipe="report-3-denoiser", epochs=2, overrides={"encoder.activation": "elu"}
    )
    assert spec.phases[0].epochs == 2
    assert spec.encoder.activation == "elu" and spec.encoder.kind == "mlp"


def test_a_recipe_with_a_network_of_its_own_refuses_another() -> None:
    with pytest.raises(UsageError, match="report-4-denoiser with its own network; got --filters"):
        planned_autoencoder("digits", recipe="report-4-denoiser", filters=8)


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
