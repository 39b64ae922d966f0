"""Files that are damaged, hostile, or hold what latens refuses end in one sentence each."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers as L
from keras_tiny import autoencoder, chained, layer, redescribed

from latens.errors import DataError, LatensError, UsageError
from latens.formats import _h5
from latens.formats import keras as ours


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model in both kinds of file."""
    folder = tmp_path_factory.mktemp("keras")
    model = autoencoder()
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    return folder


@pytest.fixture
def h5(whole: Path, tmp_path: Path) -> Path:
    """A .h5 to spoil."""
    (tmp_path / "model.h5").write_bytes((whole / "model.h5").read_bytes())
    return tmp_path / "model.h5"


def refused(file: Path, code: str, **more: Any) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(LatensError) as caught:
        ours.read(file, **more)
    assert caught.value.code == code, caught.value
    assert caught.value.hint and "Traceback" not in caught.value.message
    return caught.value.message


def rezipped(source: Path, target: Path, **members: bytes | None) -> Path:
    """An archive whose members were replaced, or left out where None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = members.get(name.split(".")[0], old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_truncated_files(name: str, share: float, whole: Path, tmp_path: Path) -> None:
    content = (whole / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError) as caught:
        ours.read(tmp_path / name)
    assert caught.value.code in ("damaged-file", "no-keras-file")


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_files_with_other_bytes_end_in_a_sentence_or_in_a_chain(
    name: str, whole: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray((whole / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(content)
    try:
        with patch.object(_h5, "PATIENCE", 10.0):  # the library may not come to an end
            ours.read(tmp_path / name)
    except LatensError as error:
        assert error.message.startswith("Expected")


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
@pytest.mark.usefixtures("apart")
def test_files_are_opened_in_a_process_of_their_own(name: str, whole: Path, tmp_path: Path) -> None:
    assert len(ours.read(whole / name).layers) == 6
    content = (whole / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    refused(tmp_path / name, "damaged-file")


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize(
    "program, words",
    [
        ("while True: pass", "does not end"),
        ("import os; os.kill(os.getpid(), 11)", "cannot be read"),
        ("raise SystemExit(1)", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_a_library_that_hangs_or_dies_takes_nothing_with_it(
    program: str, words: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the library for HDF5 does over some damaged files."""
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setattr(_h5, "APART", tmp_path / "program.py")
    if "while" in program:
        monkeypatch.setattr(_h5, "PATIENCE", 1.0)
    assert words in refused(whole / "model.h5", "damaged-file")


def test_what_is_no_keras_file(tmp_path: Path) -> None:
    assert "nothing at" in refused(tmp_path / "none.h5", "no-file")
    assert "a folder" in refused(tmp_path, "no-keras-file")
    (tmp_path / "text.h5").write_text("hello")
    refused(tmp_path / "text.h5", "no-keras-file")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "without config.json" in refused(tmp_path / "other.keras", "no-keras-file")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    refused(tmp_path / "other.h5", "no-description")


def test_lambda_layers_are_refused_by_name(tmp_path: Path) -> None:
    model = chained((8, 8, 1), L.Conv2D(2, 3), L.Lambda(lambda x: x * 2, name="doubled"))
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"model{suffix}")
        assert "'doubled'" in refused(tmp_path / f"model{suffix}", "lambda-layer")


@keras.saving.register_keras_serializable("mine")
class Own(L.Layer):
    """Code of a user."""


class OwnModel(keras.Model):
    """A subclassed model, which has no description."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.dense = L.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_custom_objects_are_refused_by_name(tmp_path: Path, h5: Path) -> None:
    chained((8, 8, 1), L.Conv2D(2, 3), Own(name="own")).save(tmp_path / "layer.keras")
    assert "mine>Own" in refused(tmp_path / "layer.keras", "custom-object")
    model = OwnModel()
    model(np.zeros((1, 4), np.float32))
    model.save(tmp_path / "model.keras")
    assert "OwnModel" in refused(tmp_path / "model.keras", "custom-object")
    redescribed(h5, lambda config: layer(config, "code").update(activation="my_function"))
    assert "my_function" in refused(h5, "custom-object")


def test_a_function_as_code_is_refused(h5: Path) -> None:
    marshalled = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}
    redescribed(h5, lambda config: layer(config, "code").update(activation=marshalled))
    refused(h5, "lambda-layer")


def test_layers_that_merge_are_named(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    x = L.Conv2D(2, 3, padding="same", name="a")(image)
    y = L.Conv2D(2, 3, padding="same", name="b")(x)
    keras.Model(image, L.Concatenate(name="skip")([x, y])).save(tmp_path / "unet.keras")
    message = refused(tmp_path / "unet.keras", "merge-layer")
    assert "Concatenate" in message and "'skip'" in message


def test_several_inputs_outputs_and_uses(tmp_path: Path) -> None:
    a, b = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    conv = L.Conv2D(1, 3, padding="same", name="shared")
    keras.Model([a, b], L.Add()([a, b])).save(tmp_path / "two.keras")
    assert "left, right" in refused(tmp_path / "two.keras", "several-inputs")
    keras.Model(a, [conv(a), L.Flatten()(a)]).save(tmp_path / "out.keras")
    refused(tmp_path / "out.keras", "several-outputs")
    keras.Model(a, conv(conv(a))).save(tmp_path / "shared.keras")
    assert "'shared' is used 2 times" in refused(tmp_path / "shared.keras", "shared-layer")


@pytest.mark.parametrize(
    "steps, words",
    [
        (lambda: [L.DepthwiseConv2D(3)], "DepthwiseConv2D"),
        (lambda: [L.Conv2D(2, 3), L.Dense(4)], "Dense layer"),
        (lambda: [L.BatchNormalization(axis=1)], "over axis"),
        (lambda: [L.GlobalAveragePooling2D(keepdims=True)], "keepdims"),
        (lambda: [L.Softmax(axis=1)], "softmax over axis"),
        (lambda: [L.Reshape((2, 2, 4, 4))], "Reshape to"),
        (lambda: [L.UpSampling2D(interpolation="bicubic")], "interpolation"),
    ],
)
def test_what_latens_has_no_layer_for(
    steps: Callable[[], list[Any]], words: str, tmp_path: Path
) -> None:
    chained((8, 8, 1), *steps()).save(tmp_path / "model.keras")
    with pytest.raises(DataError, match=words) as caught:
        ours.read(tmp_path / "model.keras")
    assert caught.value.code in ("unsupported-layer", "bad-description")


def test_layers_of_two_data_formats(tmp_path: Path, h5: Path) -> None:
    redescribed(h5, lambda config: layer(config, "code").update(data_format="channels_first"))
    refused(h5, "mixed-orders")


@pytest.mark.parametrize(
    "change, code",
    [
        (lambda c: layer(c, "code").update(filters=10**9), "bad-description"),
        (lambda c: layer(c, "code").update(filters=10**6), "weights-disagree"),
        (lambda c: layer(c, "code").update(filters=-1), "bad-description"),
        (lambda c: layer(c, "code").update(filters="many"), "bad-description"),
        (lambda c: layer(c, "code").update(kernel_size=[3, 3, 3]), "bad-description"),
        (lambda c: layer(c, "code").update(strides=None), "bad-description"),
        (lambda c: layer(c, "double").update(size=[10**5, 10**5]), "too-large"),
        (lambda c: layer(c, "norm").update(epsilon=float("nan")), "bad-description"),
        (lambda c: layer(c, "code").update(filters=3), "weights-disagree"),
        (lambda c: layer(c, "code").update(kernel_size=[30, 30], padding="valid"), "too-small"),
        (lambda c: c.update(config=None), "bad-description"),
        (lambda c: c["config"].update(layers=[]), "bad-description"),
        (lambda c: c["config"].update(layers=[None]), "bad-description"),
        (lambda c: c["config"]["layers"][0]["config"].update(batch_shape=[None, 10**9, 9, 1]),
         "bad-description"),
        (lambda c: [1, 2], "bad-description"),
    ],
)  # fmt: skip
def test_descriptions_out_of_bounds(
    change: Callable[[dict[str, Any]], Any], code: str, h5: Path
) -> None:
    refused(redescribed(h5, change), code)


def test_descriptions_that_are_no_json_too_deep_or_too_large(whole: Path, tmp_path: Path) -> None:
    for content, code in (
        (b"\x80\x04not json", "bad-description"),
        (b"[" * 100_000 + b"]" * 100_000, "bad-description"),
        (b'{"class_name": "' + b"x" * (1 << 24) + b'"}', "too-large"),
        (pickle.dumps({"class_name": "Sequential"}), "bad-description"),
    ):
        file = rezipped(whole / "model.keras", tmp_path / "model.keras", config=content)
        refused(file, code)


def test_models_in_models_without_end(tmp_path: Path, whole: Path) -> None:
    inner: dict[str, Any] = {"class_name": "Dense", "config": {"name": "d", "units": 1}}
    for depth in range(200):
        inner = {"class_name": "Sequential", "config": {"name": f"s{depth}", "layers": [inner]}}
    content = json.dumps(inner).encode()
    refused(
        rezipped(whole / "model.keras", tmp_path / "m.keras", config=content), "bad-description"
    )


def test_layers_in_a_circle(tmp_path: Path, whole: Path) -> None:
    def one(name: str, source: str) -> dict[str, Any]:
        config = {"name": name, "activation": "relu"}
        nodes = [[[source, 0, 0, {}]]]
        return {"class_name": "Activation", "name": name, "config": config, "inbound_nodes": nodes}

    entry = {
        "class_name": "InputLayer",
        "name": "i",
        "config": {"batch_input_shape": [None, 8, 8, 1]},
    }
    for layers in ([one("a", "b"), one("b", "a")], [one("a", "a")], [one("a", "i"), one("a", "i")]):
        config = {
            "layers": [{**entry, "inbound_nodes": []}, *layers],
            "input_layers": [["i", 0, 0]], "output_layers": [["a", 0, 0]],
        }  # fmt: skip
        content = json.dumps({"class_name": "Functional", "config": config}).encode()
        file = rezipped(whole / "model.keras", tmp_path / "m.keras", config=content)
        refused(file, "bad-description")


def replaced(file: Path, with_what: Callable[[h5py.Group, str], None]) -> Path:
    """A file whose first kernel is something else."""
    with h5py.File(file, "r+") as opened:
        group = opened["model_weights/in_1"]
        found: list[str] = []
        group.visit(lambda name: found.append(name) if name.endswith("kernel") else None)
        del group[found[0]]
        with_what(group, found[0])
    return file


def test_links_out_of_the_file_are_not_followed(h5: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.zeros((3, 3, 1, 4), np.float32)
    secret = str(tmp_path / "secret.h5")

    def external(group: h5py.Group, name: str) -> None:
        group[name] = h5py.ExternalLink(secret, "/x")

    assert "link to somewhere else" in refused(replaced(h5, external), "outside-file")


def test_soft_links_and_their_circles_are_not_followed(h5: Path) -> None:
    def circle(group: h5py.Group, name: str) -> None:
        group[name] = h5py.SoftLink(f"{group.name}/{name}")

    refused(replaced(h5, circle), "outside-file")


def test_data_in_other_files_is_not_read(h5: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(bytes(144))

    def raw(group: h5py.Group, name: str) -> None:
        place = [(str(tmp_path / "raw"), 0, 144)]
        group.create_dataset(name, (3, 3, 1, 4), "f4", external=place)

    refused(replaced(h5, raw), "outside-file")


def test_virtual_data_is_not_read(h5: Path, tmp_path: Path) -> None:
    def virtual(group: h5py.Group, name: str) -> None:
        layout = h5py.VirtualLayout((3, 3, 1, 4), "f4")
        layout[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3, 3, 1, 4))
        group.create_virtual_dataset(name, layout)

    refused(replaced(h5, virtual), "outside-file")


def test_weights_that_are_missing_no_numbers_or_not_finite(h5: Path, whole: Path) -> None:
    content = h5.read_bytes()
    values = np.full((3, 3, 1, 4), np.nan, np.float32)
    for with_what, code in (
        (lambda group, name: None, "damaged-file"),
        (lambda group, name: group.create_group(name), "damaged-file"),
        (lambda group, name: group.create_dataset(name, data=values.astype("S4")), "damaged-file"),
        (lambda group, name: group.create_dataset(name, data=values), "not-finite"),
        (lambda group, name: group.create_dataset(name, data=values[0]), "weights-disagree"),
    ):
        h5.write_bytes(content)
        refused(replaced(h5, with_what), code)


def test_weights_that_grow_out_of_nothing(tmp_path: Path) -> None:
    """40 million zeros that take no place in the file."""
    chained((64, 64, 1), L.Flatten(name="flat"), L.Dense(4, name="wide")).save(tmp_path / "m.h5")
    redescribed(tmp_path / "m.h5", lambda config: layer(config, "wide").update(units=10_000))
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        group = file["model_weights/wide"]
        names: list[str] = []
        group.visit(lambda name: names.append(name) if name.endswith(("kernel", "bias")) else None)
        for name in names:
            del group[name]
            shape = (4096, 10_000) if name.endswith("kernel") else (10_000,)
            group.create_dataset(name, shape, "f4", chunks=True, compression="gzip")
    assert "MB out of" in refused(tmp_path / "m.h5", "too-large")


def test_attributes_that_hold_pickles_or_anything_else(h5: Path) -> None:
    content = h5.read_bytes()
    with h5py.File(h5, "r+") as file:
        file.attrs["model_config"] = np.void(pickle.dumps({"a": 1}))
    refused(h5, "no-description")
    h5.write_bytes(content)
    with h5py.File(h5, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.arange(3)
    assert "not one of names" in refused(h5, "damaged-file")


def test_archives_that_grow_beyond_belief(whole: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", bytes(1 << 25))
        archive.writestr("model.weights.h5", b"")
    assert "grows more than" in refused(tmp_path / "bomb.keras", "too-large")


def test_archives_without_weights_or_with_others(whole: Path, tmp_path: Path) -> None:
    file = rezipped(whole / "model.keras", tmp_path / "a.keras", model=None)
    assert "model.weights.h5 is missing" in refused(file, "damaged-file")
    empty = io.BytesIO()
    with h5py.File(empty, "w"):
        pass
    file = rezipped(whole / "model.keras", tmp_path / "b.keras", model=empty.getvalue())
    refused(file, "no-weights")


def test_weights_of_another_number(h5: Path) -> None:
    with h5py.File(h5, "r+") as file:
        group = file["model_weights/in_1"]
        names = group.attrs["weight_names"]
        group.attrs["weight_names"] = names[:1]
    assert "the file has 1" in refused(h5, "weights-disagree")


def test_rows_that_are_no_square(tmp_path: Path) -> None:
    chained((61,), L.Dense(4), L.Dense(61)).save(tmp_path / "m.keras")
    refused(tmp_path / "m.keras", "not-square")


def test_a_model_that_was_not_built(tmp_path: Path, whole: Path) -> None:
    layers = [{"class_name": "Flatten", "config": {"name": "flat"}}]
    content = json.dumps({"class_name": "Sequential", "config": {"layers": layers}}).encode()
    file = rezipped(whole / "model.keras", tmp_path / "m.keras", config=content)
    refused(file, "no-input-shape")


def test_without_h5py_the_extra_is_named(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(UsageError, match="h5py") as caught:
        ours.read(whole / "model.h5")
    assert caught.value.code == "no-h5py" and "latens[keras]" in caught.value.hint
