"""Every objective, network and head through the use cases, and what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_tiny import CLASSIFY, NETWORK, PRETRAIN, digits, same, weights

import latens
from latens.errors import DataError, UsageError
from latens.runs.folder import RunFolder

FAST: dict[str, Any] = {"epochs": 1, "batch_size": 64, "threads": 1, "report": False}
ASKED: dict[str, dict[str, Any]] = {
    "denoise": {"noise": {"gaussian": 0.3, "salt-pepper": (0.0, 0.5)}},
    "masked": {"objective": "masked", "mask_share": 0.4, "mask_patch": 2},
    "vae": {"objective": "vae", "beta": 0.5, "free_bits": 0.1, "latent": 3},
    "conditional": {"objective": "vae", "conditional": True},
    "mlp": {"network": "mlp", "hidden": (16,), "tied": True, "activation": "tanh"},
    "vae of an mlp": {"objective": "vae", "network": "mlp", "hidden": (16,), "latent": 3},
    "residual": {"network": "residual", "overrides": {"encoder.widths": [8]}},
    "tied": {"tied": True, "conv_layers": 4, "filters": 4, "latent": 6},
    "ways of training": {
        "augment": "flip", "average": 0.9, "l1": 1e-6, "l2": 1e-5, "double_batch_every": 1,
        "schedule": "plateau", "keep_weights": "last", "weight_decay": 0.1, "optimizer": "sgd",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_pretraining(name: str, tmp_path: Path) -> None:
    found = latens.pretrain(digits(), out=tmp_path / "ae", **FAST, **ASKED[name])
    asked = RunFolder.open(found.run).spec()
    assert found.val_mse > 0
    assert name not in ("denoise", "masked", "vae") or asked["objective"]["kind"] == name


def test_options_of_an_objective_are_in_its_spec_alone(tmp_path: Path) -> None:
    run = latens.pretrain(digits(), out=tmp_path / "ae", **FAST, **ASKED["vae"]).run
    asked = RunFolder.open(run).spec()
    assert asked["objective"] == {
        "kind": "vae", "latent": 3, "beta": 0.5, "free_bits": 0.1, "likelihood": "bernoulli",
        "binarise": False, "conditional": False,
    }  # fmt: skip
    assert asked["encoder"]["latent"] is None


def test_a_conditional_one_needs_classes_and_spends_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        latens.pretrain(digits().images, out=tmp_path / "x", **FAST, **ASKED["conditional"])
    assert caught.value.code == "unlabelled"
    found = latens.pretrain(digits(), out=tmp_path / "ae", **FAST, **ASKED["conditional"])
    clf = latens.classify(digits(), encoder=found.run, mode="frozen", out=tmp_path / "clf", **FAST)
    assert "pretrained-with-labels" in [finding["code"] for finding in clf.findings]
    with pytest.raises(UsageError) as refused:
        latens.compare(digits(), out=tmp_path / "cmp", conditional=True, objective="vae")
    assert refused.value.code == "pretrained-with-labels"


CLASSIFIERS: dict[str, dict[str, Any]] = {
    "joint": {"objective": "joint", "reconstruct_weight": 2.0, "learned_weights": True},
    "balance": {"balance": "logit-adjustment", "label_smoothing": 0.1, "noise": "gaussian=0.1"},
    "conv1d": {"head": "conv1d", "head_filters": (4, 4), "augment": {"affine": 0.5}},
    "conv2d": {"head": "conv2d", "conv_layers": 4, "filters": 4},
    "mlp": {"network": "mlp", "overrides": {"encoder.hidden": [8]}, "latent": 8, "hidden": ()},
    "stage": {"stage": "block2", "pool": "mean", "balance": "class-weights"},
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifying_from_scratch(name: str, tmp_path: Path) -> None:
    found = latens.classify(digits(), out=tmp_path / "clf", **FAST, **CLASSIFIERS[name])
    assert 0 <= found.val_accuracy <= 1
    assert latens.load(found.run).model.head is not None


def test_joint_begins_with_the_decoder_of_the_encoders_run(
    pretrained: latens.PretrainResult, tmp_path: Path
) -> None:
    frozen = {"phases.0.groups": ["head"], "phases.1.groups": ["head"]}
    found = latens.classify(
        digits(), encoder=pretrained.run, objective="joint", out=tmp_path / "clf", report=False,
        overrides=frozen, **CLASSIFY,
    )  # fmt: skip
    loaded = latens.load(found.run)
    before = latens.load(pretrained.run)
    images = digits().images[:3]
    assert np.array_equal(loaded.reconstruct(images), before.reconstruct(images))


def test_what_has_no_decoder_gives_no_images_back(classified: latens.ClassifyResult) -> None:
    with pytest.raises(UsageError) as caught:
        latens.load(classified.run).reconstruct(digits())
    assert caught.value.code == "no-decoder"


def test_features_of_a_named_stage(pretrained: latens.PretrainResult) -> None:
    run = latens.load(pretrained.run)
    first, *_ = run.model.stages()
    assert run.encode(digits().images[:2], stage=first).shape[:2] == (2, 4)
    with pytest.raises(UsageError, match="nowhere"):
        run.encode(digits().images[:2], stage="nowhere")


def test_what_is_said_before_training(tmp_path: Path) -> None:
    said: list[str] = []
    began: list[int] = []

    def observe(record: Any) -> None:
        began.append(len(said))

    found = latens.pretrain(
        digits(), out=tmp_path / "ae", conv_layers=3, filters=64, tell=said.append,
        observers=[observe], **FAST,
    )  # fmt: skip
    assert began and set(began) == {len(said)}, "something was said too late"
    (about,) = [line for line in said if "300 images of 8x8, 1 channel" in line]
    assert " parameters, " in about and " in the code" in about
    assert any("it can copy the image" in line for line in said)
    assert any("2 in the encoder and 1 in the decoder" in line for line in said)
    assert {"wide-code", "uneven-layers"} <= {finding["code"] for finding in found.findings}


def test_whether_pretraining_saw_the_test_images_is_looked_up(tmp_path: Path) -> None:
    """Another file with the same images: the fingerprints differ, the images do not."""
    clean = digits()
    assert clean.labels is not None
    whole, part = tmp_path / "whole.npz", tmp_path / "part.npz"
    np.savez(whole, x_train=clean.images[:, 0], y_train=clean.labels)
    n = clean.train_count
    np.savez(part, x_train=clean.images[:n, 0], y_train=clean.labels[:n],
             x_test=clean.images[n:, 0], y_test=clean.labels[n:])  # fmt: skip
    ae = latens.pretrain(whole, out=tmp_path / "ae", overrides=NETWORK, **FAST)

    def codes(out: str) -> list[str]:
        found = latens.classify(part, encoder=ae.run, out=tmp_path / out, mode="frozen", **FAST)
        return [finding["code"] for finding in found.findings]

    assert "pretrained-on-test" in codes("one") and "pretraining-unchecked" not in codes("two")
    whole.unlink()
    assert "pretraining-unchecked" in codes("three")


def test_a_comparison_takes_objective_network_and_first_seed(tmp_path: Path) -> None:
    found = latens.compare(
        digits(), labels=[20], modes=["frozen"], seeds=2, seed=5, out=tmp_path / "cmp",
        objective="denoise", network="mlp", latent=6, epochs=1, pretrain_epochs=1,
        batch_size=64, threads=1, overrides={"encoder.hidden": [8], "head.hidden": [4]},
    )  # fmt: skip
    assert found.seeds == [5, 6]
    runs = tmp_path / "cmp" / "runs"
    before = RunFolder.open(runs / "autoencoder-seed5").spec()
    after = RunFolder.open(runs / "frozen-20-seed6").spec()
    assert before["objective"]["kind"] == "denoise" and before["train"]["seed"] == 5
    assert after["objective"]["kind"] == "classify" and after["train"]["seed"] == 6
    assert before["encoder"] == after["encoder"] and before["encoder"]["hidden"] == [8]
    assert before["train"]["batch_size"] == 64 and after["head"]["hidden"] == [4]


def test_average_and_seed_leave_nothing_to_chance(tmp_path: Path) -> None:
    runs = [
        latens.pretrain(digits(), out=tmp_path / name, seed=3, average=0.5, report=False,
                        noise="gaussian=0..0.5", **PRETRAIN).run
        for name in ("one", "two")
    ]  # fmt: skip
    assert same(weights(runs[0]), weights(runs[1]))
