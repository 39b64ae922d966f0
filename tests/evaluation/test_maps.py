"""Maps of codes: the numbers beside them, and that the same seed draws the same map."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from evaluation_tiny import CPU, digits, index, model, unlabelled, vae
from sklearn.decomposition import PCA
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from latens.errors import LatensError
from latens.evaluation.maps import knn_accuracy, maps, place


def flat(count: int) -> Any:
    return digits(count).images.reshape(count, -1) / 255


def test_knn_is_scikit_learns_with_each_left_out() -> None:
    codes, labels = flat(120), digits(120).labels
    judge = KNeighborsClassifier(5, weights="distance")
    expected = cross_val_score(judge, codes, labels, cv=LeaveOneOut()).mean()
    assert labels is not None
    assert knn_accuracy(codes, labels, 5) == pytest.approx(expected)


def test_knn_ignores_images_without_labels_and_says_none_without_any() -> None:
    codes = np.array([[0.0], [0.1], [0.05], [9.0], [9.1], [9.05]])
    labels = np.array([0, 0, -1, 1, 1, -1])
    assert knn_accuracy(codes, labels, 1) == 1.0
    assert knn_accuracy(codes, np.full(6, -1), 1) is None


def test_equal_images_are_neighbours_of_one_another() -> None:
    assert knn_accuracy(np.zeros((6, 2)), np.zeros(6, np.int64), 2) == 1.0


def test_pca_is_scikit_learns_up_to_sign() -> None:
    found, expected = place(flat(60), "pca"), PCA(2).fit_transform(flat(60))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)


@pytest.mark.parametrize("method", ["pca", "t-sne"])
def test_the_same_seed_draws_the_same_map(method: str) -> None:
    codes = flat(40)
    np.testing.assert_array_equal(place(codes, method, 3), place(codes, method, 3))


@pytest.mark.parametrize("method", ["pca", "t-sne"])
@pytest.mark.parametrize("shape", [(5, 1), (6, 2), (60, 55)])
def test_odd_codes_have_maps_too(method: str, shape: tuple[int, int]) -> None:
    found = place(np.random.default_rng(0).random(shape), method)
    assert found.shape == (shape[0], 2) and np.isfinite(found).all()


def test_t_sne_keeps_groups_together() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    codes = rng.normal(0, 0.1, (60, 5)) + labels[:, None] * 3
    assert knn_accuracy(place(codes, "t-sne"), labels, 5) == 1.0


def test_values_and_arrays_fit_together() -> None:
    values, arrays = maps(model(), digits(), index(0, 90), CPU, sample=60, neighbours=5)
    assert values["images"] == len(arrays["map_0"]) == len(arrays["map_1"]) == 60
    assert [about["method"] for about in values["maps"]] == ["pca", "t-sne"]
    assert 0.5 < values["knn_pixels"] <= 1 and values["code"] == 8
    assert all(0 <= about["trustworthiness"] <= 1 for about in values["maps"])
    shown = arrays["thumbnail_index"]
    assert len(shown) == len(arrays["thumbnails"]) > 20 and shown.max() < 60
    assert len(np.unique(shown)) == len(shown)


def test_thumbnails_are_the_images_of_their_points() -> None:
    _, arrays = maps(model(), digits(), index(0, 30), CPU, methods=["pca"], sample=30, neighbours=5)
    np.testing.assert_array_equal(arrays["thumbnails"], digits().images[arrays["thumbnail_index"]])
    np.testing.assert_array_equal(arrays["labels"], digits().labels[:30])  # type: ignore[index]


def test_a_stage_of_the_encoder_can_be_asked_for() -> None:
    net = model()
    stage = net.stages()[0]
    values, _ = maps(net, digits(), index(0, 30), CPU, methods=["pca"], stage=stage, neighbours=5)
    assert values["stage"] == stage and values["code"] == 16


@pytest.mark.parametrize("conditional", [False, True])
def test_a_variational_models_code_is_its_mean(conditional: bool) -> None:
    net = vae(conditional=conditional)
    values, _ = maps(net, digits(), index(0, 30), CPU, methods=["pca"], neighbours=5)
    assert values["code"] == 4


def test_images_without_labels_have_maps_too() -> None:
    values, arrays = maps(model(), unlabelled(), index(0, 30), CPU, methods=["pca"], neighbours=5)
    assert values["knn"] is None and (arrays["labels"] == -1).all()


def test_umap_keeps_groups_together_where_it_is_installed() -> None:
    pytest.importorskip("umap", reason="the extra umap is not installed", exc_type=ImportError)
    labels = np.repeat([0, 1, 2], 20)
    codes = np.random.default_rng(0).normal(0, 0.1, (60, 5)) + labels[:, None] * 3
    assert knn_accuracy(place(codes, "umap"), labels, 5) == 1.0


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(LatensError) as told:
        place(flat(30), "umap")
    assert told.value.code == "missing-extra" and "latens[umap]" in told.value.hint


@pytest.mark.parametrize(
    ("code", "change"),
    [("unknown-map", {"methods": ["tsne"]}), ("too-few-images", {"index": index(0, 11)})],
)
def test_mistakes_are_told(code: str, change: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"images": digits(), "index": index(0, 60), "device": CPU}
    with pytest.raises(LatensError) as told:
        maps(model(), **{**asked, **change})
    assert told.value.code == code and told.value.hint
