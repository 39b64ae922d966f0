"""Which images and labels each objective is given, and that a whole run of it works."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from app_tiny import digits

import latens
from latens.app import training
from latens.app.training import Trained, draw_split, start
from latens.data.batches import Batches
from latens.data.image_set import UNLABELLED, ImageSet
from latens.errors import DataError, UsageError
from latens.spec import CLASSIFIES, RunSpec, parse

SMALL = {"kind": "mlp", "hidden": (16,), "latent": 8}
BALANCES = ("none", "class-weights", "balanced-softmax", "logit-adjustment")


def spec_of(objective: dict[str, Any], labels: int | None = None, **values: Any) -> RunSpec:
    """A short run with this objective."""
    classifies = objective["kind"] in CLASSIFIES
    groups = {"classify": ("encoder", "head"), "joint": ("encoder", "decoder", "head")}
    return parse(
        RunSpec,
        {
            "task": "classify" if classifies else "pretrain",
            "data": {"source": "digits", "labels": labels},
            "encoder": SMALL,
            "objective": objective,
            "head": {"hidden": (8,)} if classifies else None,
            "phases": [
                {
                    "name": "all",
                    "groups": groups.get(objective["kind"], ("encoder", "decoder")),
                    "epochs": 2,
                }
            ],
            "train": {"batch_size": 32, "threads": 1},
        }
        | values,
    )


def trained(path: Path, objective: dict[str, Any], labels: int | None = None) -> Trained:
    spec = spec_of(objective, labels)
    with start(spec, digits(), path) as run:
        return run


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ImageSet, np.ndarray]]:
    """What training and validation are made of, in this order."""
    made: list[tuple[ImageSet, np.ndarray]] = []

    def watched(images: ImageSet, index: np.ndarray, *rest: Any, **more: Any) -> Batches:
        made.append((images, index))
        return Batches(images, index, *rest, **more)

    monkeypatch.setattr(training, "Batches", watched)
    return made


def test_joint_training_sees_all_images_and_only_allowed_labels(
    given: list[Any], tmp_path: Path
) -> None:
    split = trained(tmp_path / "run", {"kind": "joint"}, labels=20).split
    (shown, index), (judged, validation) = given
    assert len(split.labelled) == 20
    assert np.array_equal(index, split.train)
    seen = np.flatnonzero(shown.labels != UNLABELLED)
    assert np.array_equal(seen, split.labelled), "labels outside the budget (or of test) are seen"
    assert np.array_equal(shown.labels[seen], digits().labels[seen])
    assert np.array_equal(validation, split.val)
    assert np.array_equal(judged.labels, digits().labels)


@pytest.mark.parametrize("kind", ["classify", "vae"])
def test_what_reads_the_class_sees_labelled_images_alone(
    kind: str, given: list[Any], tmp_path: Path
) -> None:
    objective = {"kind": kind} | ({"conditional": True, "latent": 4} if kind == "vae" else {})
    split = trained(tmp_path / "run", objective, labels=20).split
    assert np.array_equal(given[0][1], split.labelled)
    assert np.array_equal(given[1][1], split.val)


@pytest.mark.parametrize("kind", ["reconstruct", "denoise", "masked", "vae"])
def test_the_others_see_all_training_images(kind: str, given: list[Any], tmp_path: Path) -> None:
    split = trained(tmp_path / "run", {"kind": kind}, labels=20).split
    assert np.array_equal(given[0][1], split.train)
    assert np.array_equal(given[1][1], split.val)


@pytest.mark.parametrize("kind", CLASSIFIES)
@pytest.mark.parametrize("balance", BALANCES)
def test_every_balance_trains_and_counts_only_allowed_labels(
    kind: str, balance: str, tmp_path: Path
) -> None:
    run = trained(tmp_path / "run", {"kind": kind, "balance": balance}, labels=33)
    assert {"accuracy", "loss"} <= set(run.val)
    if balance == "logit-adjustment":
        assert digits().labels is not None
        counts = np.bincount(digits().labels[run.split.labelled], minlength=10)
        assert run.model.log_prior is not None
        assert np.allclose(run.model.log_prior.exp(), counts / 33)
        loaded = latens.load(tmp_path / "run").model
        images = torch.from_numpy(digits().images[:5]).float() / 255
        assert torch.allclose(loaded.class_logits(images), run.model.class_logits(images))


def test_a_conditional_run_needs_labels_and_leaves_nothing(tmp_path: Path) -> None:
    nameless = replace(digits(), labels=None, class_names=())
    with pytest.raises(DataError, match="Expected a class for every image"):
        start(spec_of({"kind": "vae", "conditional": True}), nameless, tmp_path / "run").__enter__()
    assert not (tmp_path / "run").exists()


def test_a_name_that_is_no_corruption_leaves_nothing(tmp_path: Path) -> None:
    noisy = {"kind": "denoise", "corruptions": [{"name": "flip"}]}
    with pytest.raises(UsageError, match="flip is an augmentation"):
        start(spec_of(noisy), digits(), tmp_path / "run").__enter__()
    assert not (tmp_path / "run").exists()


def test_the_split_is_the_same_for_every_objective() -> None:
    splits = [draw_split(spec_of({"kind": k}, 20), digits()) for k in ("vae", "joint", "classify")]
    for other in splits[1:]:
        assert np.array_equal(splits[0].train, other.train)
        assert np.array_equal(splits[0].labelled, other.labelled)
