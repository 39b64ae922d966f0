"""The Python interface: what a notebook does."""

from __future__ import annotations

import importlib
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from app_tiny import CLASSIFY, PRETRAIN, TEST, digits, same, weights

import latens
from latens.app import pretrain as pretraining
from latens.app.runs import remove_run
from latens.errors import DataError, RunError, UsageError
from latens.runs.folder import RunFolder


def test_names_are_listed_and_there() -> None:
    assert set(latens.__all__) <= set(dir(latens))
    for name in latens.__all__:
        assert getattr(latens, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'pretrian'"):
        _ = latens.pretrian  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", latens.__all__)
def test_no_room_hides_a_name(name: str) -> None:
    importlib.import_module("latens.evaluation.classification")
    assert not isinstance(getattr(latens, name), ModuleType)


def test_rooms_can_still_be_imported() -> None:
    from latens.evaluation import calibration

    assert calibration.__name__ == "latens.evaluation.calibration"


def test_a_pretraining(pretrained: latens.PretrainResult) -> None:
    assert list(pretrained.to_dict())[:5] == [
        "run", "val_mse", "epochs", "train_seconds", "images_per_second",
    ]  # fmt: skip
    assert 0 < pretrained.val_mse < 0.5
    assert (pretrained.epochs, pretrained.code, pretrained.pixels) == (4, 8, 64)
    assert pretrained.train_seconds > 0 and pretrained.images_per_second > 0
    assert Path(pretrained.page).is_file()
    assert Path(pretrained.run, "results", "reconstruction.json").is_file()


def test_what_is_worse_than_pca_or_hardly_tested_is_said(
    pretrained: latens.PretrainResult, evaluated: latens.Evaluation
) -> None:
    assert pretrained.pca_mse is not None and pretrained.val_mse > pretrained.pca_mse
    assert "worse-than-pca" in [finding["code"] for finding in pretrained.findings]
    told = {finding["code"]: finding["message"] for finding in evaluated.findings}
    assert "80 test images" in told["few-test-images"]
    assert told["few-test-images"] in Path(evaluated.page).read_text("utf-8")


def test_a_code_that_is_not_used_is_said(tmp_path: Path) -> None:
    asked = {**PRETRAIN, "objective": "vae", "epochs": 1, "beta": 1000.0}
    found = latens.pretrain(digits(), out=tmp_path / "vae", report=False, **asked)
    assert "code-unused" in [finding["code"] for finding in found.findings]
    assert RunFolder.open(found.run).result("reconstruction")[0]["active"] < 4


def test_a_finished_run_says_that_nothing_is_trained(tmp_path: Path) -> None:
    out, told = tmp_path / "ae", []
    first = latens.pretrain(digits(), out=out, report=False, tell=told.append, **PRETRAIN)
    assert not [line for line in told if "finished" in line]
    again = pretraining.resume(out, digits(), tell=told.append)
    assert f"{out} is finished already: nothing is trained" in told[-2]
    assert (again.val_mse, again.epochs) == (first.val_mse, first.epochs)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
@pytest.mark.parametrize("again", [False, True], ids=["trained", "resumed"])
def test_a_run_cannot_be_removed_while_its_report_is_written(
    again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "ae"
    if again:
        latens.pretrain(digits(), out=out, report=False, **PRETRAIN)

    def removed(run: RunFolder) -> Path:
        with pytest.raises(RunError, match="Expected to be alone"):
            remove_run(run.path)
        return run.path / "page"

    monkeypatch.setattr(pretraining, "build_report", removed)
    if again:
        result = pretraining.resume(out, digits())
    else:
        result = latens.pretrain(digits(), out=out, **PRETRAIN)
    assert result.page.endswith("page") and out.is_dir()
    remove_run(out)
    assert not out.exists()


def test_a_classifier(classified: latens.ClassifyResult) -> None:
    assert classified.mode == "two-phase"
    assert (classified.epochs, classified.labels) == (3, 60)
    assert 0 <= classified.val_accuracy <= 1


def test_an_evaluation(classified: latens.ClassifyResult, evaluated: latens.Evaluation) -> None:
    assert evaluated.images == TEST
    assert np.sum(evaluated.confusion) == TEST
    assert evaluated.accuracy == pytest.approx(np.trace(evaluated.confusion) / TEST)
    assert evaluated.report["accuracy"] == pytest.approx(evaluated.accuracy)
    assert evaluated.report["macro avg"]["support"] == TEST
    assert set(evaluated.classes) < set(evaluated.report)
    assert 0 <= evaluated.ece <= 1 and 0 <= evaluated.brier <= 2 and evaluated.nll > 0
    _, arrays = RunFolder.open(classified.run).result("classification")
    assert np.array_equal(arrays["labels"], digits().labels[-TEST:])  # type: ignore[index]
    right = arrays["probabilities"].argmax(1) == arrays["labels"]
    assert right.mean() == pytest.approx(evaluated.accuracy)


def test_an_autoencoder_is_evaluated_too(tmp_path: Path) -> None:
    run = latens.pretrain(digits(), out=tmp_path / "ae", report=False, **PRETRAIN).run
    found = latens.evaluate(run, digits())
    assert not isinstance(found, latens.Evaluation)
    assert found.images == TEST and found.mse > 0


def test_arrays_are_as_good_as_an_image_set(
    pretrained: latens.PretrainResult, tmp_path: Path
) -> None:
    clean = digits()
    assert clean.labels is not None
    x, y, n = clean.images[:, 0], clean.labels, clean.train_count
    data = ((x[:n] / 255, y[:n]), (x[n:] / 255, y[n:]))
    found = latens.pretrain(data, out=tmp_path / "ae", report=False, **PRETRAIN)
    assert same(weights(found.run), weights(pretrained.run))
    alone = latens.pretrain(x, out=tmp_path / "x", report=False, **PRETRAIN)
    assert alone.pixels == 64


def test_arrays_are_asked_for_again(classified: latens.ClassifyResult) -> None:
    with pytest.raises(UsageError, match="made from arrays") as caught:
        latens.evaluate(classified.run)
    assert caught.value.code == "no-data"
    assert "data=" in caught.value.hint
    with pytest.raises(UsageError, match="made from arrays"):
        pretraining.resume(classified.run.replace("clf", "ae"))


def test_other_arrays_are_refused(classified: latens.ClassifyResult) -> None:
    with pytest.raises(RunError) as caught:
        latens.evaluate(classified.run, digits().images)
    assert caught.value.code == "other-data"


def test_a_loaded_autoencoder(pretrained: latens.PretrainResult) -> None:
    run = latens.load(pretrained.run)
    images = digits().images[:5]
    codes, back = run.encode(images), run.reconstruct(images)
    assert codes.shape == (5, 8) and codes.dtype == np.float32
    assert back.shape == (5, 1, 8, 8) and back.min() >= 0 and back.max() <= 1
    with torch.no_grad():
        direct = run.model.reconstruct(torch.from_numpy(images).float() / 255)
    assert torch.allclose(torch.from_numpy(back), direct, atol=1e-6)
    assert not run.model.training
    assert run.class_names == tuple("0123456789")


def test_loading_changes_nothing(pretrained: latens.PretrainResult) -> None:
    first, second = (latens.load(pretrained.run).model.state_dict() for _ in range(2))
    assert same(first, second)


def test_a_loaded_classifier_encodes(classified: latens.ClassifyResult) -> None:
    run = latens.load(classified.run)
    assert run.encode(digits()).shape == (300, 8)
    assert run.model.head is not None and run.model.decoder is None


def test_an_mlp(tmp_path: Path) -> None:
    found = latens.pretrain(
        digits(), out=tmp_path / "ae", network="mlp", hidden=(16, 12), latent=4, epochs=1,
        report=False,
    )  # fmt: skip
    spec = RunFolder.open(found.run).spec()
    assert spec["encoder"]["hidden"] == [16, 12] and found.code == 4


def test_the_reports_network(tmp_path: Path) -> None:
    found = latens.pretrain(
        digits(), out=tmp_path / "ae", conv_layers=5, kernel_size=3, filters=2,
        double_filters=True, epochs=1, report=False,
    )  # fmt: skip
    encoder = RunFolder.open(found.run).spec()["encoder"]
    assert encoder["encoder_filters"] == [2, 4, 8]
    assert encoder["decoder_filters"] == [4, 2]
    assert encoder["down_after"] == [1, 2]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"network": "mpl"}, "unknown-network"),
        ({"network": "mlp", "filters": 8}, "without-effect"),
        ({"network": "mlp", "convs_per_block": 2}, "without-effect"),
        ({"network": "mlp", "latent": 0}, "bad-spec"),
        ({"hidden": (8,)}, "without-effect"),
        ({"conv_layers": 0}, "bad-spec"),
        ({"filters": 0}, "bad-spec"),
        ({"epochs": 0}, "bad-spec"),
        ({"batch_size": 0}, "bad-spec"),
        ({"learning_rate": 0.0}, "bad-spec"),
        ({"optimizer": "adamm"}, "unknown-optimizer"),
        ({"loss": "mae"}, "unknown-loss"),
        ({"val_fraction": 1.0}, "bad-spec"),
        ({"dropout": 1.0}, "bad-spec"),
        ({"seed": -1}, "bad-spec"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    options: dict[str, Any], code: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        latens.pretrain(digits(), out=tmp_path / "ae", **options)
    assert caught.value.code == code
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


def test_one_class_cannot_be_classified(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        latens.classify((digits().images[:20], np.zeros(20, int)), out=tmp_path / "clf")
    assert caught.value.code == "single-class"
    with pytest.raises(DataError) as caught:
        latens.classify(digits().images, out=tmp_path / "clf", **CLASSIFY)
    assert caught.value.code == "unlabelled"


def test_every_result_is_plain(
    pretrained: latens.PretrainResult,
    classified: latens.ClassifyResult,
    evaluated: latens.Evaluation,
    compared: latens.Comparison,
) -> None:
    import json

    for result in (pretrained, classified, evaluated, compared):
        values = result.to_dict()
        assert set(values) == {field.name for field in fields(result)}
        assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_an_array_of_another_shape_is_refused_not_resized(
    pretrained: latens.PretrainResult,
) -> None:
    loaded = latens.load(pretrained.run)
    _, height, width = loaded.image_shape
    with pytest.raises(latens.LatensError, match="-channel images of"):
        loaded.encode(np.zeros((2, height + 1, width), np.uint8))
