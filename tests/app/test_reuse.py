"""What reusing an encoder leaves alone, in which order it moves things, and where it came from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from app_tiny import CLASSIFY, digits, files, same, weights
from safetensors.torch import save_file

import latens
from latens.app import classify as app
from latens.errors import LatensError, RunError, UsageError
from latens.runs.folder import RunFolder
from latens.train import checkpoint
from latens.train.records import EpochRecord


class Killed(Exception):
    """What an observer throws where a real process would be killed."""


def killed(record: Any) -> None:
    raise Killed


def encoder(run: str | Path) -> dict[str, torch.Tensor]:
    """The encoder's weights that a run ended with, statistics too."""
    part = "best/encoder." if weights(run, "best/") else "model/encoder."
    return {name.removeprefix(part): value for name, value in weights(run, part).items()}


def classify(run: latens.PretrainResult, out: Path, **changes: Any) -> latens.ClassifyResult:
    settings = {"labels": 60, "report": False, **CLASSIFY, **changes}
    return latens.classify(digits(), encoder=run.run, out=out, **settings)


def test_frozen_leaves_the_encoder_as_it_was(
    pretrained: latens.PretrainResult, tmp_path: Path
) -> None:
    found = classify(pretrained, tmp_path / "clf", mode="frozen")
    assert same(encoder(found.run), encoder(pretrained.run))
    assert [r["phase"] for r in RunFolder.open(found.run).metrics()] == ["head"] * 3


@pytest.mark.parametrize("mode", ["two-phase", "fine-tune", "scratch"])
def test_the_others_move_it(pretrained: latens.PretrainResult, tmp_path: Path, mode: str) -> None:
    found = classify(pretrained, tmp_path / "clf", mode=mode)
    assert not same(encoder(found.run), encoder(pretrained.run))


def test_two_phases_are_head_then_all(pretrained: latens.PretrainResult, tmp_path: Path) -> None:
    at_head: list[bool] = []

    def look(record: Any) -> None:
        if isinstance(record, EpochRecord) and record.phase == "all" and not at_head:
            at_head.append(same(encoder(tmp_path / "clf"), encoder(pretrained.run)))

    found = classify(pretrained, tmp_path / "clf", mode="two-phase", epochs=6, observers=[look])
    run = RunFolder.open(found.run)
    phases = run.spec()["phases"]
    assert [(p["name"], p["groups"], p["epochs"]) for p in phases] == [
        ("head", ["head"], 2), ("all", ["encoder", "head"], 4),
    ]  # fmt: skip
    assert [r["phase"] for r in run.metrics()] == ["head"] * 2 + ["all"] * 4
    assert at_head == [True], "the first phase moved the encoder"
    assert found.epochs == 6


def test_the_origin_is_recorded(
    pretrained: latens.PretrainResult, classified: latens.ClassifyResult
) -> None:
    origin = RunFolder.open(classified.run).spec()["origin"]
    source = RunFolder.open(pretrained.run)
    model = latens.load(pretrained.run).model
    assert origin == {
        "run": str(Path(pretrained.run).resolve()),
        "weights": checkpoint.load_encoder(source, model.encoder),
        "fingerprint": digits().fingerprint,
    }
    assert len(origin["weights"]) == 64


def test_scratch_has_the_architecture_and_no_origin(
    pretrained: latens.PretrainResult, tmp_path: Path
) -> None:
    found = RunFolder.open(classify(pretrained, tmp_path / "clf", mode="scratch").run)
    assert found.spec()["origin"] is None
    assert found.spec()["encoder"] == RunFolder.open(pretrained.run).spec()["encoder"]


def test_an_encoder_that_changed_since_is_refused(
    pretrained: latens.PretrainResult, tmp_path: Path
) -> None:
    source = tmp_path / "ae"
    shutil.copytree(pretrained.run, source)
    moved = latens.PretrainResult(**{**vars(pretrained), "run": str(source)})
    with pytest.raises(Killed):
        classify(moved, tmp_path / "clf", observers=[killed])
    _scale(source, 2.0)
    with pytest.raises(RunError) as caught:
        app.resume(tmp_path / "clf", digits())
    assert caught.value.code == "other-weights"
    _scale(source, 0.5)  # exactly as it was
    assert app.resume(tmp_path / "clf", digits()).epochs == 3


def _scale(run: Path, factor: float) -> None:
    path = checkpoint.newest(RunFolder.open(run))
    assert path
    tensors, numbers = checkpoint._read(RunFolder.open(run))
    scaled = {
        name: tensor * factor if "encoder" in name and tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    save_file(scaled, path, metadata={"state": json.dumps(numbers)})


def test_once_begun_it_needs_the_encoder_no_more(
    pretrained: latens.PretrainResult, classified: latens.ClassifyResult, tmp_path: Path
) -> None:
    source = tmp_path / "ae"
    shutil.copytree(pretrained.run, source)
    moved = latens.PretrainResult(**{**vars(pretrained), "run": str(source)})
    found = classify(moved, tmp_path / "clf")
    shutil.rmtree(source)
    assert app.resume(found.run, digits()).val_accuracy == found.val_accuracy
    assert same(weights(found.run), weights(classified.run))


def test_size_and_channels_come_from_the_encoder(
    pretrained: latens.PretrainResult, tmp_path: Path
) -> None:
    clean = digits()
    wide = clean.images.repeat(2, axis=2).repeat(2, axis=3).repeat(3, axis=1)
    images = latens.ImageSet(wide, clean.labels, clean.class_names, test_start=clean.test_start)
    found = latens.classify(
        images, encoder=pretrained.run, out=tmp_path / "clf", report=False, **CLASSIFY
    )
    assert RunFolder.open(found.run).environment()["data_shape"] == [1, 8, 8]


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"mode": "frozzen"}, UsageError, "unknown-mode"),
        ({"mode": "two-phase", "epochs": 1}, UsageError, "too-few-epochs"),
        ({"epochs": 0}, UsageError, "bad-spec"),
        ({"batch_size": 0}, UsageError, "bad-spec"),
        ({"learning_rate": 0.0}, UsageError, "bad-spec"),
        ({"optimizer": "adamm"}, UsageError, "unknown-optimizer"),
        ({"labels": 5}, UsageError, "bad-budget"),
        ({"labels": 0}, UsageError, "bad-spec"),
        ({"overrides": {"encoder.upp": 1}}, UsageError, "unknown-field"),
        ({"device": "abacus"}, UsageError, None),
    ],
)
def test_what_cannot_be_meant_is_refused(
    pretrained: latens.PretrainResult, tmp_path: Path, changes: Any, kind: Any, code: str | None
) -> None:
    before = files(Path(pretrained.run))
    with pytest.raises(kind) as caught:
        classify(pretrained, tmp_path / "clf", **changes)
    assert code in (None, caught.value.code)
    assert caught.value.hint
    assert not (tmp_path / "clf").exists()
    assert files(Path(pretrained.run)) == before


def test_runs_of_the_wrong_kind_are_refused(
    pretrained: latens.PretrainResult,
    classified: latens.ClassifyResult,
    compared: latens.Comparison,
    tmp_path: Path,
) -> None:
    from latens.app import compare, pretrain

    def picture() -> Any:
        return latens.predict(pretrained.run, digits().images[:1])

    wrong: list[Any] = [
        lambda: latens.classify(digits(), encoder=classified.run, out=tmp_path / "x"),
        lambda: latens.classify(digits(), encoder=compared.run, out=tmp_path / "x"),
        lambda: app.resume(pretrained.run, digits()),
        lambda: pretrain.resume(classified.run, digits()),
        lambda: pretrain.resume(compared.run, digits()),
        lambda: compare.resume(pretrained.run, digits()),
        lambda: latens.evaluate(compared.run, digits()),
        lambda: latens.load(compared.run),
        picture,
    ]
    for call in wrong:
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == "other-kind"
        assert "latens runs show" in caught.value.hint


def test_an_unfinished_run_is_not_taken_for_a_trained_one(tmp_path: Path) -> None:
    for task, train in (("pretrain", latens.pretrain), ("classify", latens.classify)):
        out = tmp_path / task
        with pytest.raises(Killed):
            train(digits(), out=out, epochs=2, threads=1, observers=[killed], report=False)
        uses: list[Any] = [lambda out=out: latens.evaluate(out, digits()),
                           lambda out=out: latens.load(out)]  # fmt: skip
        if task == "classify":
            uses.append(lambda out=out: latens.predict(out, digits().images[:1]))
        else:
            uses.append(lambda out=out: latens.classify(digits(), encoder=out))
        for use in uses:
            with pytest.raises(LatensError) as caught:
                use()
            assert caught.value.code == "unfinished-run"
            # made from arrays: whoever goes on must say where they are
            assert f"latens {task} IMAGES.npz --resume {out}" in caught.value.hint
