"""Quality of samples: real images in the samples' place are perfect, noise is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_tiny import CPU, digits, index, model, thirds, vae
from torch import nn

from latens.errors import LatensError
from latens.evaluation.features import penultimate, weights_sha256
from latens.evaluation.logits import class_logits
from latens.evaluation.samples import samples
from latens.nn.generate import sample


def evaluated(drawn: Any, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return samples(drawn, digits(), thirds(), model(), CPU, **more)


def noise(count: int = 60) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)


def test_the_test_part_itself_is_a_perfect_sample() -> None:
    values, _ = evaluated(digits().images[thirds().test])
    assert values["frechet"] == pytest.approx(0, abs=1e-6)
    assert values["precision"] == values["recall"] == values["coverage"] == 1
    assert values["nearest"] == pytest.approx(values["nearest_of_real"])


def test_noise_is_worse_than_real_images_are() -> None:
    values, _ = evaluated(noise(100))
    assert values["frechet"] > 3 * values["frechet_of_real"]
    assert values["coverage"] < values["coverage_of_real"]
    assert values["nearest"] > values["nearest_of_real"] and values["close"] == 0


def test_copies_of_training_images_are_found_out() -> None:
    values, arrays = evaluated(digits().images[thirds().train][:60])
    assert values["nearest"] == pytest.approx(0, abs=1e-6) and values["close"] == 1
    np.testing.assert_array_equal(arrays["near_samples"], arrays["near_images"])
    assert arrays["near_distances"] == pytest.approx(0, abs=1e-6)


def test_asked_classes_are_compared_with_the_classifiers() -> None:
    drawn = noise(50)
    as_set = replace(digits(), images=drawn, labels=None)
    said = class_logits(model(), as_set, index(0, 50), CPU).argmax(1)
    values, arrays = evaluated(drawn, asked=said)
    assert values["asked_accuracy"] == 1 and sum(values["said"]) == 50
    wrong, _ = evaluated(drawn, asked=(said + 1) % 10)
    assert wrong["asked_accuracy"] == 0
    assert (np.diff(arrays["pictures_asked"]) >= 0).all()
    assert np.bincount(arrays["pictures_asked"]).max() <= 10
    np.testing.assert_array_equal(arrays["pictures_asked"], arrays["pictures_said"])


def test_what_was_taught_by_samples_is_a_number_or_a_function() -> None:
    asked = np.arange(30) % 10
    assert evaluated(noise(30), train_on=0.5)[0]["trained_accuracy"] == 0.5
    values, _ = evaluated(noise(30), asked=asked, train_on=lambda drawn, labels: len(drawn) / 60)
    assert values["trained_accuracy"] == 0.5


def test_numbers_do_not_hang_on_which_samples_come_first_in_memory() -> None:
    drawn = np.asfortranarray(noise())
    assert evaluated(drawn)[0] == evaluated(np.ascontiguousarray(drawn))[0]


@pytest.mark.parametrize("conditional", [False, True])
def test_samples_of_a_variational_model_go_in(conditional: bool) -> None:
    asked = np.arange(20) % 10 if conditional else None
    labels = None if asked is None else torch.from_numpy(asked)
    drawn = (sample(vae(conditional=conditional), 20, labels) * 255).byte().numpy()
    values, arrays = evaluated(drawn, asked=asked)
    assert values["samples"] == len(arrays["pictures"]) == 20


def test_features_are_what_the_last_layer_is_given() -> None:
    net = model()
    features, scores = penultimate(net, digits(), index(0, 40), CPU)
    last = [layer for layer in net.head.modules() if isinstance(layer, nn.Linear)][-1]  # type: ignore[union-attr]
    again = last(torch.from_numpy(features)).detach().numpy()
    assert features.shape == (40, 12)
    np.testing.assert_allclose(again, scores, atol=1e-5)
    np.testing.assert_allclose(scores, class_logits(net, digits(), index(0, 40), CPU), atol=1e-5)
    assert not last._forward_pre_hooks


def test_the_hash_follows_the_weights() -> None:
    assert weights_sha256(model(0)) == weights_sha256(model(0)) != weights_sha256(model(1))
    changed = model(0)
    with torch.no_grad():
        next(changed.parameters()).view(-1)[0] += 1e-6
    assert weights_sha256(changed) != weights_sha256(model(0))
    assert len(weights_sha256(changed)) == 64


@pytest.mark.parametrize(
    ("code", "drawn"),
    [
        ("other-shape", np.zeros((5, 1, 9, 9), np.uint8)),
        ("no-images", np.zeros((0, 1, 8, 8), np.uint8)),
        ("too-few-images", np.zeros((5, 1, 8, 8), np.uint8)),
    ],
)
def test_mistakes_are_told(code: str, drawn: Any) -> None:
    with pytest.raises(LatensError) as told:
        evaluated(drawn)
    assert told.value.code == code and told.value.hint


def test_an_autoencoder_is_no_judge() -> None:
    with pytest.raises(LatensError) as told:
        penultimate(vae(), digits(), index(0, 9), CPU)
    assert told.value.code == "no-classifier"
