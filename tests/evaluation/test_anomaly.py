"""Anomaly scores: thresholds that keep their promise and see nothing of the test part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_tiny import CPU, Copies, digits, model, thirds, unlabelled
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from latens.errors import LatensError
from latens.evaluation.anomaly import anomaly, image_errors, rates, threshold

NORMAL = tuple("012345678")


def test_the_threshold_is_an_order_statistic() -> None:
    scores = np.arange(99.0)[::-1]
    assert threshold(scores, 0.05) == 94  # the ceil(100 * 0.95) = 95th smallest
    assert threshold(np.arange(19.0), 0.05) == 18


@given(st.integers(19, 60), st.sampled_from([0.05, 0.1, 0.25, 0.5]), st.integers(0, 99))
@settings(max_examples=20)
def test_new_normal_scores_lie_above_it_no_more_often_than_asked(
    count: int, share: float, seed: int
) -> None:
    """Exactly: among count + 1 exchangeable scores, each is as likely to be the new one."""
    scores = np.random.default_rng(seed).random(count + 1)
    above = [scores[i] > threshold(np.delete(scores, i), share) for i in range(count + 1)]
    assert np.mean(above) <= share


def test_rates_by_hand() -> None:
    odd = np.array([False, False, False, False, True, True])
    found = rates(np.array([1.0, 2.0, 3.0, 9.0, 4.0, 10.0]), odd, 3.5)
    assert found["false_alarm_rate"] == 0.25 and found["hit_rate"] == 1.0
    assert found["auroc"] == pytest.approx(7 / 8)


def test_it_is_scikit_learns_auroc_of_the_errors_of_the_test_part() -> None:
    net, split = model(), thirds()
    values, arrays = anomaly(net, digits(), split, CPU, normal=NORMAL)
    labels = digits().labels[split.test]  # type: ignore[index]
    clean = torch.from_numpy(digits().images[split.test] / np.float32(255))
    errors = (net.reconstruct(clean) - clean).square().mean((1, 2, 3)).detach().numpy()
    np.testing.assert_allclose(arrays["errors"], errors, rtol=1e-4)
    assert values["auroc"] == pytest.approx(roc_auc_score(labels == 9, errors))
    assert values["auroc_by_class"] == {"9": pytest.approx(values["auroc"])}
    assert values["anomalies"] == (labels == 9).sum()
    assert values["seen"] == (digits().labels[split.train] == 9).sum()  # type: ignore[index]


def test_the_threshold_knows_normal_validation_images_alone() -> None:
    net, split, images = model(), thirds(), digits()
    assert images.labels is not None
    values, _ = anomaly(net, images, split, CPU, normal=NORMAL)
    known = split.val[images.labels[split.val] != 9]
    assert values["threshold"] == threshold(image_errors(net, images, known, CPU), 0.05)
    fewer, _ = anomaly(net, images, replace(split, test=split.test[:50]), CPU, normal=NORMAL)
    assert fewer["threshold"] == values["threshold"]


def test_extremes_are_the_largest_and_smallest_errors() -> None:
    _, arrays = anomaly(model(), digits(), thirds(), CPU, normal=NORMAL)
    ordered = np.sort(arrays["errors"])
    np.testing.assert_array_equal(arrays["least_errors"], ordered[:10])
    np.testing.assert_array_equal(arrays["most_errors"], ordered[::-1][:10])
    assert arrays["most_images"].shape == (10, 1, 8, 8)
    assert arrays["most_anomalous"].dtype == bool


def test_one_normal_class_is_enough() -> None:
    split = thirds()
    values, _ = anomaly(model(), digits(), split, CPU, normal=["3"], false_alarms=0.2)
    assert set(values["auroc_by_class"]) == set("012456789")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("unlabelled", {"images": unlabelled()}),
        ("unknown-class", {"normal": ["zero"]}),
        ("one-kind", {"normal": tuple("0123456789")}),
        ("bad-fraction", {"false_alarms": 0.0}),
        ("too-few-normal", {"false_alarms": 0.001}),
    ],
)
def test_mistakes_are_told(code: str, change: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"images": digits(), "split": thirds(), "device": CPU, "normal": NORMAL}
    with pytest.raises(LatensError) as told:
        anomaly(Copies(), **{**asked, **change})
    assert told.value.code == code and told.value.hint
