"""The classification result: agrees with itself and with scikit-learn, in odd cases too."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

from latens.errors import LatensError
from latens.evaluation.classification import classification, distinct, examples

NAMES = ["cat", "dog", "bird", "fish"]
SEEDS = st.integers(0, 2**32 - 1)


def scored(seed: int, n: int = 200, k: int = 4) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(0, k, n), rng.normal(0, 2, (n, k)).astype(np.float32)
    logits[np.arange(n), labels] += 2
    return labels, logits


def test_it_has_the_form_of_the_result_and_is_json() -> None:
    labels, logits = scored(0)
    result, arrays = classification(labels, logits, NAMES)
    assert set(result) == {
        "images", "accuracy", "loss", "nll", "ece", "brier",
        "report", "confusion", "classes", "calibration",
    }  # fmt: skip
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert arrays["labels"].dtype == np.int64 and arrays["probabilities"].dtype == np.float32
    np.testing.assert_allclose(arrays["probabilities"].sum(axis=1), 1, atol=1e-5)


def test_report_and_confusion_are_sklearns() -> None:
    labels, logits = scored(1)
    result, _ = classification(labels, logits, NAMES)
    assert result["report"] == classification_report(
        labels, logits.argmax(axis=1), target_names=NAMES, output_dict=True, zero_division=0
    )
    assert result["confusion"] == confusion_matrix(labels, logits.argmax(axis=1)).tolist()


@given(SEEDS)
def test_the_numbers_agree_with_one_another(seed: int) -> None:
    labels, logits = scored(seed, 40)
    result, arrays = classification(labels, logits, NAMES)
    confusion = np.array(result["confusion"])
    accuracy = result["accuracy"]
    assert accuracy == accuracy_score(labels, arrays["probabilities"].argmax(axis=1))
    assert accuracy == confusion.trace() / confusion.sum() == result["report"]["accuracy"]
    assert confusion.sum(axis=1).tolist() == np.bincount(labels, minlength=4).tolist()
    assert result["loss"] == pytest.approx(result["nll"], abs=1e-3)
    binned = sum(row["count"] * (row["accuracy"] or 0) for row in result["calibration"])
    assert binned / 40 == pytest.approx(accuracy)


@given(SEEDS)
def test_order_does_not_matter(seed: int) -> None:
    labels, logits = scored(seed, 40)
    order = np.random.default_rng(seed + 1).permutation(40)
    one, _ = classification(labels, logits, NAMES)
    other, _ = classification(labels[order], logits[order], NAMES)
    for key in ("accuracy", "loss", "nll", "ece", "brier"):
        assert one[key] == pytest.approx(other[key])
    assert one["confusion"] == other["confusion"]


def test_probabilities_give_what_their_logits_give() -> None:
    labels, logits = scored(2)
    from_logits, arrays = classification(labels, logits, NAMES)
    result, _ = classification(labels, arrays["probabilities"], NAMES, kind="probabilities")
    for key in ("accuracy", "loss", "nll", "ece", "brier"):
        assert result[key] == pytest.approx(from_logits[key], rel=1e-5)
    assert result["confusion"] == from_logits["confusion"]


def test_no_class_above_one_half_is_still_predicted() -> None:
    """Predictions by argmax of rounded probabilities make this image a cat."""
    logits = np.log(np.array([[0.2, 0.45, 0.35]], dtype=np.float32))
    result, _ = classification(np.array([1]), logits, NAMES[:3])
    assert result["accuracy"] == 1


def test_stored_probabilities_keep_a_prediction_that_rounding_would_tie() -> None:
    logits = np.array([[0.0, 1e-12]])
    assert np.float32(1 / (1 + np.exp(-1e-12))) == np.float32(0.5)
    result, arrays = classification(np.array([1]), logits, NAMES[:2])
    assert result["accuracy"] == 1
    assert examples(np.array([1]), arrays["probabilities"])[0].tolist() == [0]


def test_loss_is_finite_for_extreme_logits() -> None:
    logits = np.array([[1e4, -1e4]], dtype=np.float32)
    result, _ = classification(np.array([1]), logits, NAMES[:2])
    assert result["loss"] == pytest.approx(2e4)
    assert result["nll"] < 16


def test_a_class_that_is_absent_from_the_test_part() -> None:
    labels, logits = scored(3)
    labels[labels == 2] = 0
    result, _ = classification(labels, logits, NAMES)
    assert result["report"]["bird"]["support"] == 0
    assert result["report"]["bird"]["recall"] == 0
    assert np.shape(result["confusion"]) == (4, 4)
    assert "accuracy" in result["report"]


def test_one_class_only() -> None:
    result, _ = classification(np.zeros(3, np.int64), np.zeros((3, 1)), ["cat"])
    assert (result["accuracy"], result["confusion"]) == (1, [[3]])


def test_names_that_repeat_keep_their_rows() -> None:
    labels, logits = scored(4)
    result, _ = classification(labels, logits, ["cat", "cat", "accuracy", "fish"])
    report = result["report"]
    assert [report[name]["support"] for name in ("cat (0)", "cat (1)", "accuracy (2)", "fish")] == (
        np.bincount(labels).tolist()
    )
    assert report["accuracy"] == result["accuracy"]
    assert result["classes"] == ["cat", "cat", "accuracy", "fish"]


@given(st.lists(st.sampled_from(["a", "b", "a (0)", "a (1)", "accuracy", "accuracy (0)", ""])))
def test_distinct_names_are_distinct(names: list[str]) -> None:
    keys = distinct(names)
    assert len(set(keys)) == len(names)
    assert not {"accuracy", "macro avg", "weighted avg"} & set(keys)
    assert all(key.startswith(name) for key, name in zip(keys, names, strict=True))


def test_examples_show_the_worst_first_and_every_class() -> None:
    labels, logits = scored(5, 2000)
    _, arrays = classification(labels, logits, NAMES)
    probabilities = arrays["probabilities"]
    correct, wrong = examples(labels, probabilities)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    assert len(correct) == len(wrong) == 25
    assert (predicted[correct] == labels[correct]).all()
    assert (predicted[wrong] != labels[wrong]).all()
    assert (np.diff(confidence[wrong]) <= 0).all()
    assert confidence[wrong][0] == confidence[predicted != labels].max()
    assert sorted(np.bincount(labels[correct])) == [6, 6, 6, 7]
    of_one = confidence[correct[labels[correct] == 0]]
    everyone = np.quantile(confidence[(labels == 0) & (predicted == 0)], [0.25, 0.75])
    assert of_one.min() < everyone[0] and of_one.max() > everyone[1]


@given(SEEDS, st.integers(1, 60), st.integers(1, 30))
def test_examples_are_distinct_and_as_many_as_there_are(seed: int, n: int, k: int) -> None:
    labels, logits = scored(seed, n)
    right = int((logits.argmax(axis=1) == labels).sum())
    correct, wrong = examples(labels, logits, k)
    assert len(set(correct.tolist())) == len(correct) == min(k, right)
    assert len(set(wrong.tolist())) == len(wrong) == min(k, n - right)


def test_a_rare_class_is_shown_too() -> None:
    labels = np.array([0] * 500 + [1] * 2)
    correct, _ = examples(labels, np.eye(2)[labels])
    assert {500, 501} <= set(correct.tolist())


@pytest.mark.parametrize(
    ("labels", "shape", "fill", "code"),
    [
        ([], (0, 4), 0, "no-images"),
        ([0, 1], (2, 3), 0, "classes-disagree"),
        ([0, 1], (3, 4), 0, "classes-disagree"),
        ([0, -1], (2, 4), 0, "unlabelled"),
        ([0, 4], (2, 4), 0, "label-out-of-range"),
        ([0, 1], (2, 4), np.nan, "not-finite"),
    ],
)
def test_each_mistake_has_its_code(labels: list[int], shape: Any, fill: float, code: str) -> None:
    with pytest.raises(LatensError, match="Expected") as caught:
        classification(np.array(labels, dtype=np.int64), np.full(shape, fill), NAMES)
    assert caught.value.code == code and caught.value.hint
