"""A model of Keras as a run like any other: from the command line and from Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import pytest
import torch
from keras import layers as L
from keras_tiny import autoencoder, by_keras, chained, classifier, last, same

import latens
from latens.cli.main import main
from latens.data.load import load
from latens.data.split import draw
from latens.errors import DataError, RunError, UsageError
from latens.runs.folder import RunFolder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    autoencoder().save(folder / "ae.keras")
    classifier().save(folder / "clf.h5")
    return folder


@pytest.fixture(scope="module")
def runs(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder that belongs to digits, and a classifier that belongs to no images."""
    folder = tmp_path_factory.mktemp("runs")
    latens.import_keras(files / "ae.keras", out=folder / "ae", data="digits")
    latens.import_keras(files / "clf.h5", out=folder / "clf")
    return folder


def command(*arguments: str | Path) -> int:
    """The exit code of the command line."""
    with patch.object(sys, "argv", ["latens", *map(str, arguments)]):
        try:
            main()
        except SystemExit as end:
            assert isinstance(end.code, int)
            return end.code


def the_test_part() -> tuple[Any, Any]:
    """The digits that latens would test on: an untouched fifth, whatever the run."""
    images = load("digits")
    index = draw(images, seed=0).test
    return images.images[index].astype(np.float32) / 255, images.labels[index]  # type: ignore[index]


def test_an_autoencoder_has_the_error_that_keras_gives(files: Path, runs: Path) -> None:
    found = latens.evaluate(runs / "ae")
    x, _ = the_test_part()
    back = by_keras(keras.saving.load_model(files / "ae.keras", compile=False), last(x))
    assert not isinstance(found, latens.Evaluation)
    assert found.mse == pytest.approx(float(np.square(back - last(x)).mean()), rel=1e-5)
    assert "trained-elsewhere" in (runs / "ae" / "results" / "findings.json").read_text()


def test_a_classifier_has_the_accuracy_that_keras_gives(files: Path, runs: Path) -> None:
    found = latens.evaluate(runs / "clf", "digits")
    assert isinstance(found, latens.Evaluation)
    x, labels = the_test_part()
    shares = by_keras(keras.saving.load_model(files / "clf.h5", compile=False), last(x))
    assert found.images == len(labels)
    assert found.accuracy == float((shares.argmax(1) == labels).mean())
    picked = shares[np.arange(len(labels)), labels]
    assert found.loss == pytest.approx(float(-np.log(picked).mean()), rel=1e-3)


def test_outputs_outside_of_the_pixels_stay_as_keras_gives_them(tmp_path: Path) -> None:
    model = chained((8, 8, 1), L.Flatten(), L.Dense(5), L.Dense(64), L.Reshape((8, 8, 1)))
    model.save(tmp_path / "linear.keras")
    latens.import_keras(tmp_path / "linear.keras", out=tmp_path / "run")
    digits = load("digits").images[:20]
    back = latens.load(tmp_path / "run").reconstruct(digits)
    assert back.min() < 0 and back.max() > 1
    assert same(last(back), by_keras(model, last(digits.astype(np.float32) / 255)))


@pytest.mark.parametrize("mode, objective", [("frozen", "classify"), ("fine-tune", "joint")])
def test_its_encoder_is_reused_like_any_other(
    mode: Any, objective: Any, runs: Path, tmp_path: Path
) -> None:
    found = latens.classify(
        "digits", encoder=runs / "ae", mode=mode, labels=50, epochs=1, hidden=[8],
        batch_size=25, augment=False, threads=1, objective=objective, report=False,
        out=tmp_path / "clf",
    )  # fmt: skip
    told = [finding["code"] for finding in found.findings]
    assert "pretraining-unchecked" in told  # nobody knows what Keras trained it on
    before, after = latens.load(runs / "ae"), latens.load(found.run)
    x = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        same_codes = torch.equal(before.model.encode(x), after.model.encode(x))
    assert same_codes == (mode == "frozen")


def test_a_linear_decoder_can_be_trained_on(tmp_path: Path) -> None:
    """Both losses know that its pixels have been through no sigmoid."""
    model = chained((8, 8, 1), L.Flatten(), L.Dense(5), L.Dense(64), L.Reshape((8, 8, 1)))
    model.save(tmp_path / "linear.keras")
    latens.import_keras(tmp_path / "linear.keras", out=tmp_path / "run")
    spec = RunFolder.open(tmp_path / "run").spec()
    for loss, objective in (("mse", "denoise"), ("bce", "reconstruct"), ("bce", "masked")):
        found = latens.pretrain(
            "digits", objective=objective, epochs=2, batch_size=200, threads=1, report=False,
            out=tmp_path / f"{loss}-{objective}",
            overrides={"encoder": spec["encoder"], "objective.loss": loss},
        )  # fmt: skip
        curve = [r["train"]["mse"] for r in RunFolder.open(found.run).metrics()]
        assert np.isfinite(curve).all() and curve[-1] < curve[0]


def test_a_vae_wants_a_sigmoid(tmp_path: Path) -> None:
    layers = [{"kind": "flatten", "name": "a"}, {"kind": "dense", "name": "b", "units": 5}]
    back = [{"kind": "dense", "name": "c", "units": 64},
            {"kind": "reshape", "name": "d", "shape": [1, 8, 8]}]  # fmt: skip
    encoder = {"kind": "layers", "encoder": layers, "decoder": back}
    with pytest.raises(UsageError, match="ends in a sigmoid"):
        latens.pretrain(
            "digits", objective="vae", out=tmp_path / "v", overrides={"encoder": encoder}
        )


def test_networks_spelled_out_by_hand_are_checked(tmp_path: Path) -> None:
    dense = {"kind": "dense", "name": "a", "units": 5}
    flat = {"kind": "flatten", "name": "f"}
    for encoder, words in (
        ({"encoder": [flat, dense], "decoder": []}, "a decoder"),
        ({"encoder": [flat, dense], "decoder": [dense | {"name": "b"}]}, "gives images of 8x8"),
        ({"encoder": [flat, flat]}, "two are called 'f'"),
        ({"encoder": [flat, dense | {"name": "forward"}]}, "leaves free"),
        ({"encoder": [dense]}, "a row of numbers"),
    ):
        with pytest.raises(UsageError, match=words):
            latens.pretrain(
                "digits", out=tmp_path / "x", overrides={"encoder": {"kind": "layers", **encoder}}
            )


def test_the_encoder_ends_where_one_says(files: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    first = latens.import_keras(files / "ae.keras", out=tmp_path / "a", tell=lines.append)
    assert first.encoder_end == "code" and first.why == "the narrowest" and first.code == 32
    assert any("ends at code (32 numbers, the narrowest)" in line for line in lines)
    second = latens.import_keras(files / "ae.keras", out=tmp_path / "b", encoder_end="pool")
    assert (second.encoder_end, second.why, second.code) == ("pool", "as asked", 64)
    x = load("digits").images[:5]
    assert np.array_equal(
        latens.load(first.run).reconstruct(x), latens.load(second.run).reconstruct(x)
    )
    with pytest.raises(UsageError) as caught:
        latens.import_keras(files / "ae.keras", out=tmp_path / "c", encoder_end="pol")
    assert caught.value.code == "unknown-layer" and "pool" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        latens.import_keras(files / "ae.keras", out=tmp_path / "c", encoder_end="out_1")
    assert caught.value.code == "bad-encoder-end"


@pytest.mark.parametrize("end, classes", [("sigmoid", 10), (None, 10), ("sigmoid", 1)])
def test_classifiers_with_other_ends(end: str | None, classes: int, tmp_path: Path) -> None:
    model = classifier(classes=classes, end=end)
    model.save(tmp_path / "m.keras")
    latens.import_keras(tmp_path / "m.keras", out=tmp_path / "run")
    digits = load("digits").images[:20]
    scores = by_keras(model, last(digits.astype(np.float32) / 255))
    shares = scores / scores.sum(1, keepdims=True) if end else keras.ops.softmax(scores).numpy()
    if classes == 1:
        shares = np.concatenate([1 - scores, scores], axis=1)
    found = latens.predict(tmp_path / "run", digits)
    given = np.array([list(one.probabilities.values()) for one in found], np.float32)
    assert same(given, shares.astype(np.float32))


@pytest.mark.parametrize(
    "model, code",
    [
        (lambda: chained((8, 8, 1), L.Conv2D(2, 3), L.Conv2D(2, 3)), "not-a-task"),
        (lambda: classifier(end="relu"), "unsupported-output"),
        (lambda: classifier(classes=1, end=None), "unsupported-output"),
        (lambda: chained((8, 8, 1), L.Conv2D(1, 3, padding="same")), "no-encoder"),
        (lambda: chained((8, 8, 5), L.Conv2D(2, 3), L.Conv2DTranspose(5, 3)), "bad-channels"),
    ],
)
def test_models_that_are_no_run(model: Any, code: str, tmp_path: Path) -> None:
    model().save(tmp_path / "m.keras")
    with pytest.raises(DataError) as caught:
        latens.import_keras(tmp_path / "m.keras", out=tmp_path / "run")
    assert caught.value.code == code and not (tmp_path / "run").exists()


def test_images_of_other_classes_or_none(files: Path, runs: Path, tmp_path: Path) -> None:
    pixels = load("digits").images[:40]
    np.savez(tmp_path / "two.npz", images=pixels, labels=np.arange(40) % 2)
    np.savez(tmp_path / "none.npz", images=pixels)
    with pytest.raises(DataError) as caught:
        latens.import_keras(files / "clf.h5", out=tmp_path / "run", data=tmp_path / "two.npz")
    assert caught.value.code == "classes-disagree"
    with pytest.raises(UsageError) as other:
        latens.evaluate(runs / "clf", tmp_path / "two.npz")
    assert other.value.code == "classes-disagree"
    with pytest.raises(DataError) as caught:
        latens.evaluate(runs / "clf", tmp_path / "none.npz")
    assert caught.value.code == "unlabelled"
    with pytest.raises(UsageError, match="imported without any") as missing:
        latens.evaluate(runs / "clf")
    assert missing.value.code == "no-data"


def test_a_run_is_whole_or_not_there(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from latens.train import checkpoint

    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save_checkpoint", full)
        with pytest.raises(OSError):
            latens.import_keras(files / "ae.keras", out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    latens.import_keras(files / "ae.keras", out=tmp_path / "run")
    with pytest.raises(RunError) as caught:
        latens.import_keras(files / "ae.keras", out=tmp_path / "run")
    assert caught.value.code == "run-exists"


def test_weights_of_an_exported_run_come_back(files: Path, runs: Path, tmp_path: Path) -> None:
    model = keras.saving.load_model(files / "ae.keras", compile=False)
    model.set_weights([weight * 0.9 for weight in model.get_weights()])
    model.save_weights(tmp_path / "w.weights.h5")
    for like in (runs / "ae", runs / "ae" / "spec.json"):
        out = tmp_path / like.name
        latens.import_keras(tmp_path / "w.weights.h5", like=like, out=out)
        digits = load("digits").images[:8]
        back = latens.load(out).reconstruct(digits)
        assert same(last(back), by_keras(model, last(digits.astype(np.float32) / 255)))


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_an_export_of_latens_is_known_again(
    runs: Path, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a word in the file that Keras does not look at, and drops when it saves the model."""
    file, through = tmp_path / f"ae.{suffix}", tmp_path / f"through.{suffix}"
    latens.pretrain("digits", epochs=1, latent=8, keep={"0": 40}, out=tmp_path / "own")
    latens.export(tmp_path / "own", file)
    latens.export(runs / "ae", through)  # imported before: latens has not trained it
    assert not latens.import_keras(through, out=tmp_path / "through").ours
    assert command("import-keras", file, "--out", tmp_path / "back") == 0
    out = capsys.readouterr().out
    assert "Exported by latens " in out and "latens' own" in out and "elsewhere" not in out
    page = (tmp_path / "back" / "report" / "index.html").read_text()
    assert "trained by latens" in page and "trained elsewhere" not in page
    keras.saving.load_model(file, compile=False).save(tmp_path / f"theirs.{suffix}")
    again = latens.import_keras(tmp_path / f"theirs.{suffix}", out=tmp_path / "again")
    assert not again.ours and again.written_by.startswith("Keras ")
    assert [found["code"] for found in again.findings] == ["trained-elsewhere"]


def test_images_of_another_size_are_told(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = np.random.default_rng(0).integers(0, 256, (40, 12, 12), np.uint8), np.arange(40) % 10
    np.savez(tmp_path / "wide.npz", images=x, labels=y)
    resized = "Note: Images were resized from 12x12 to 8x8 (height x width)."
    assert command("import-keras", files / "ae.keras", "--out", tmp_path / "ae") == 0
    assert "resized" not in capsys.readouterr().out
    assert command("evaluate", tmp_path / "ae", "--data", tmp_path / "wide.npz") == 0
    assert capsys.readouterr().out.count(resized) == 1
    out = ("--out", tmp_path / "own")
    data = ("--data", tmp_path / "wide.npz")
    assert command("import-keras", files / "ae.keras", *data, *out) == 0
    assert resized in capsys.readouterr().out


def test_the_commands(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("import-keras", files / "ae.keras", "--out", "ae") == 0
    out = capsys.readouterr().out
    assert "an autoencoder for images of 8x8 with 1 channel" in out
    assert "Next: latens evaluate ae --data DATA" in out
    assert command("evaluate", "ae", "--data", "digits") == 0
    assert command("explore", "ae", "denoising", "--data", "digits", "--count", "20") == 0
    assert command("runs", "show", "ae") == 0
    assert command("runs", "list") == 0
    capsys.readouterr()
    assert command("export", "ae", "again.h5", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["part"] == "autoencoder" and made["image_shape"] == [1, 8, 8]
    assert made["bytes"] == (tmp_path / "again.h5").stat().st_size
    assert command("export", "ae", "again.h5") == 2  # it is there already
    assert command("export", "ae", "nowhere/x.h5") == 2
    assert command("export", "ae", "x.h5", "--to", "onnx") == 2
    assert command("export", "ae", "x.h5", "--part", "classifier") == 2
    assert command("export", "ae", "encoder.keras", "--part", "encoder") == 0
    assert command("import-keras", "encoder.keras") == 3
    capsys.readouterr()
    assert command("import-keras", "again.h5", "--json", "--out", "b", "--data", "digits") == 0
    assert json.loads(capsys.readouterr().out)["task"] == "pretrain"


def test_trained_runs_are_exported(tmp_path: Path) -> None:
    ae = latens.pretrain(
        "digits", epochs=1, batch_size=200, threads=1, report=False, out=tmp_path / "ae",
        conv_layers=2, filters=4,
    )  # fmt: skip
    made = latens.export(ae.run, tmp_path / "ae.keras")
    model = keras.saving.load_model(made.file, compile=False)
    digits = load("digits").images[:8]
    back = latens.load(ae.run).reconstruct(digits)
    assert same(by_keras(model, last(digits.astype(np.float32) / 255)), last(back))
    with pytest.raises(UsageError, match="autoencoder, classifier, encoder") as caught:
        latens.export(ae.run, tmp_path / "x.keras", part="decoder")  # type: ignore[arg-type]
    assert caught.value.code == "unknown-part"
