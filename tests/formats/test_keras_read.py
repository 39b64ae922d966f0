"""Models of real Keras, read by latens: the same outputs on real pictures, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import torch
from keras import layers as L
from keras_tiny import (
    autoencoder,
    by_keras,
    by_ours,
    chained,
    classifier,
    digits,
    first,
    last,
    layer,
    pictures,
    redescribed,
    same,
    shaken,
)

from latens.data.load import load
from latens.errors import DataError, UsageError
from latens.formats import keras as ours
from latens.formats._model import as_module

ODD = (11, 9, 3)
ZOO: dict[str, Callable[[], list[Any]]] = {
    "conv-same-stride": lambda: [L.Conv2D(4, 3, strides=2, padding="same")],
    "conv-same-even-kernel": lambda: [L.Conv2D(4, (4, 2), strides=(2, 3), padding="same")],
    "conv-valid": lambda: [L.Conv2D(4, (3, 5), strides=(2, 1), use_bias=False)],
    "conv-dilated": lambda: [L.Conv2D(4, 3, dilation_rate=2, padding="same")],
    "conv-groups": lambda: [L.Conv2D(6, 3, groups=3)],
    "transpose-same": lambda: [L.Conv2DTranspose(4, 3, strides=2, padding="same")],
    "transpose-same-even": lambda: [L.Conv2DTranspose(4, 4, strides=2, padding="same")],
    "transpose-valid": lambda: [L.Conv2DTranspose(4, 3, strides=2)],
    "transpose-small-kernel": lambda: [L.Conv2DTranspose(4, 2, strides=3, padding="same")],
    "transpose-wide-stride": lambda: [L.Conv2DTranspose(4, 1, strides=2)],
    "transpose-extra": lambda: [
        L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=0)
    ],
    "max-same": lambda: [L.MaxPooling2D(2, padding="same")],
    "max-overlapping": lambda: [L.MaxPooling2D(3, strides=2, padding="same")],
    "max-valid": lambda: [L.MaxPooling2D((2, 3), strides=(2, 1))],
    "average-valid": lambda: [L.AveragePooling2D((2, 3))],
    "up-nearest": lambda: [L.UpSampling2D((2, 3))],
    "up-bilinear": lambda: [L.UpSampling2D((2, 3), interpolation="bilinear")],
    "pad-crop": lambda: [L.ZeroPadding2D(((1, 2), (3, 0))), L.Cropping2D(((0, 3), (1, 1)))],
    "normalised": lambda: [L.BatchNormalization(epsilon=0.01), L.Conv2D(2, 1)],
    "normalised-bare": lambda: [L.BatchNormalization(scale=False, center=False)],
    "global": lambda: [L.Conv2D(4, 3), L.GlobalAveragePooling2D()],
    "global-max": lambda: [L.Conv2D(4, 3), L.GlobalMaxPooling2D()],
    "flat": lambda: [L.Conv2D(4, 3, strides=3), L.Flatten(), L.Dense(5), L.BatchNormalization()],
    "reshaped": lambda: [
        L.Flatten(), L.Dense(12), L.Reshape((2, 3, 2)), L.Conv2D(2, 2, padding="same"),
        L.Reshape((-1,)), L.Dense(3),
    ],
    "permuted": lambda: [L.Permute((2, 3, 1)), L.Conv2D(2, 2), L.Flatten(), L.Dense(3)],
    "rescaled": lambda: [L.Rescaling(2.0, offset=-1.0), L.Conv2D(2, 2)],
    "noisy": lambda: [
        L.GaussianNoise(0.3), L.Dropout(0.5), L.SpatialDropout2D(0.2), L.Conv2D(2, 2)
    ],
    "leaky": lambda: [L.Conv2D(4, 3), L.LeakyReLU(negative_slope=0.1)],
    "relu-with-numbers": lambda: [
        L.Conv2D(4, 3), L.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2)
    ],
    "elu": lambda: [L.Conv2D(4, 3), L.ELU(alpha=0.5)],
    "softmax-layer": lambda: [L.Flatten(), L.Dense(4), L.Softmax()],
    "layer-as-activation": lambda: [L.Conv2D(4, 3, activation=L.LeakyReLU(negative_slope=0.2))],
    "softmax-of-channels": lambda: [L.Conv2D(4, 3, activation="softmax")],
}  # fmt: skip
FUNCTIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid",
    "log_sigmoid", "hard_sigmoid", "hard_silu", "softplus", "softsign", "exponential", "linear",
)  # fmt: skip


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ZOO)
def test_every_layer_gives_what_it_gives_in_keras(name: str, suffix: str, tmp_path: Path) -> None:
    model = chained(ODD, *ZOO[name]())
    model.save(tmp_path / f"model{suffix}")
    assert same(
        by_ours(tmp_path / f"model{suffix}", pictures(11, 9)), by_keras(model, pictures(11, 9))
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_activation_in_both_places(function: str, tmp_path: Path) -> None:
    model = chained(ODD, L.Conv2D(3, 3, activation=function), L.Activation(function))
    model.save(tmp_path / "model.keras")
    assert same(
        by_ours(tmp_path / "model.keras", pictures(11, 9)), by_keras(model, pictures(11, 9))
    )


def test_the_mean_of_a_window_at_the_edge_counts_what_is_inside(tmp_path: Path) -> None:
    """TensorFlow's rule; Keras on torch repeats the edge instead, so the reference is by hand."""
    chained(ODD, L.AveragePooling2D(2, padding="same")).save(tmp_path / "model.keras")
    x = pictures(11, 9)
    wide = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=np.nan)
    windows = wide.reshape(8, 6, 2, 5, 2, 3)
    assert same(by_ours(tmp_path / "model.keras", x), np.nanmean(windows, axis=(2, 4)))


def test_channels_first(tmp_path: Path) -> None:
    given = {"data_format": "channels_first"}
    model = chained(
        (3, 11, 9),
        L.Conv2D(4, 3, padding="same", strides=2, activation="relu", **given),
        L.BatchNormalization(axis=1),
        L.MaxPooling2D(2, **given),
        L.UpSampling2D(2, **given),
        L.Conv2DTranspose(5, 3, **given),
        L.Reshape((-1, 2, 3)),
        L.Flatten(),
        L.Dense(4),
    )  # fmt: skip
    model.save(tmp_path / "model.keras")
    x = pictures(11, 9)
    assert same(by_ours(tmp_path / "model.keras", x), by_keras(model, first(x)))


def test_flatten_that_was_told_the_format_moves_the_channels(tmp_path: Path) -> None:
    given = {"data_format": "channels_first"}
    model = chained((3, 11, 9), L.Conv2D(4, 3, **given), L.Flatten(**given), L.Dense(4))
    model.save(tmp_path / "model.h5")
    assert same(
        by_ours(tmp_path / "model.h5", pictures(11, 9)), by_keras(model, first(pictures(11, 9)))
    )


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_models_in_models_are_opened(suffix: str, tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    inner = keras.Sequential(
        [keras.Input((4, 4, 3)), L.BatchNormalization(), L.Conv2D(2, 3, padding="same")],
        name="core",
    )
    x = L.BatchNormalization()(L.MaxPooling2D()(L.Conv2D(3, 3, padding="same")(image)))
    encoder = keras.Model(image, inner(x), name="encoder")
    code = keras.Input((4, 4, 2))
    y = L.BatchNormalization()(L.Conv2D(1, 3, padding="same")(L.UpSampling2D()(code)))
    decoder = keras.Model(code, y, name="decoder")
    model = shaken(keras.Model(image, decoder(encoder(image))))
    model.save(tmp_path / f"model{suffix}")
    assert same(
        by_ours(tmp_path / f"model{suffix}", last(digits())), by_keras(model, last(digits()))
    )
    chain = ours.read(tmp_path / f"model{suffix}")
    assert chain.layers[chain.ends["encoder"]].name.startswith("conv2d")
    assert chain.ends["decoder"] == len(chain.layers) - 1


def test_frozen_layers_in_nested_models_keep_their_weights(tmp_path: Path) -> None:
    """Old files put the weights that are trained first, and those of a frozen layer are not."""
    inner = keras.Sequential([
        keras.Input((8, 8, 1)), L.Conv2D(1, 3, name="a"), L.BatchNormalization(name="b"),
        L.Conv2D(1, 3, name="c"),
    ], name="inner")  # fmt: skip
    inner.layers[0].trainable = False
    model = shaken(keras.Sequential([keras.Input((8, 8, 1)), inner, L.Flatten(), L.Dense(3)]))
    model.save(tmp_path / "model.h5")
    assert same(by_ours(tmp_path / "model.h5", last(digits())), by_keras(model, last(digits())))


def test_residual_blocks_and_means_beside_maxima(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    x = L.Conv2D(4, 3, padding="same")(image)
    y = L.Conv2D(4, 3, padding="same")(L.Activation("relu")(L.BatchNormalization()(x)))
    x = L.Add()([x, y])
    x = L.Add()([L.Conv2D(4, 1)(x), x])
    pooled = L.Concatenate()([L.GlobalAveragePooling2D()(x), L.GlobalMaxPooling2D()(x)])
    model = shaken(keras.Model(image, L.Dense(3)(pooled)))
    model.save(tmp_path / "model.keras")
    assert same(by_ours(tmp_path / "model.keras", last(digits())), by_keras(model, last(digits())))


@pytest.mark.parametrize("shape", [(64,), (8, 8)])
def test_images_as_rows_or_without_channels(shape: tuple[int, ...], tmp_path: Path) -> None:
    flat = [] if len(shape) == 1 else [L.Flatten()]
    model = chained(shape, *flat, L.Dense(6, activation="relu"), L.Dense(64), L.Reshape(shape))
    model.save(tmp_path / "model.keras")
    x = last(digits())
    given = by_keras(model, x.reshape(-1, *shape)).reshape(x.shape)
    assert same(by_ours(tmp_path / "model.keras", x), given)


def test_an_open_size_is_asked_for(tmp_path: Path) -> None:
    model = chained((None, None, 3), L.Conv2D(2, 3, strides=2, padding="same"))
    model.save(tmp_path / "model.keras")
    with pytest.raises(DataError, match="leaves it open") as caught:
        ours.read(tmp_path / "model.keras")
    assert caught.value.code == "open-size"
    x = pictures(11, 9)
    assert same(by_ours(tmp_path / "model.keras", x, size=(11, 9)), by_keras(model, x))


def test_files_of_keras_2_that_keras_3_refuses(tmp_path: Path) -> None:
    """Keras 2 wrote `groups` of transposes; the same weights in a model built by hand agree."""
    model = chained((8, 8, 1), L.Conv2DTranspose(3, 3, strides=2, padding="same", name="up"))
    model.save(tmp_path / "old.h5")
    redescribed(tmp_path / "old.h5", lambda config: layer(config, "up").update(groups=1))
    with pytest.raises((TypeError, ValueError), match="groups"):
        keras.saving.load_model(tmp_path / "old.h5")
    by_hand = keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2DTranspose(3, 3, strides=2, padding="same")]
    )
    with h5py.File(tmp_path / "old.h5") as file:
        found: dict[str, Any] = {}
        file["model_weights/up"].visititems(
            lambda name, one: (
                found.update({name.split("/")[-1]: one[()]})
                if isinstance(one, h5py.Dataset)
                else None
            )
        )
    by_hand.layers[0].set_weights([found["kernel"], found["bias"]])
    x = last(digits())
    assert same(by_ours(tmp_path / "old.h5", x), by_keras(by_hand, x))


def test_the_hard_sigmoid_of_keras_2_is_another(tmp_path: Path) -> None:
    model = chained((8, 8, 1), L.Conv2D(3, 3, activation="hard_sigmoid", name="c"))
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs["keras_version"] = "2.4.0"
    given = by_ours(tmp_path / "model.h5", last(digits()))
    model.layers[0].activation = keras.activations.linear
    assert same(given, np.clip(0.2 * by_keras(model, last(digits())) + 0.5, 0, 1))


@pytest.mark.parametrize("name", ["mnist-cae-keras2.h5", "mnist-denoiser-keras3.h5"])
def test_models_that_other_people_trained(name: str, shared: Path) -> None:
    file = shared / "keras-models" / name
    images = load(shared / "data" / "mnist")
    x = images.images[-16:].transpose(0, 2, 3, 1).astype(np.float32) / 255
    model = keras.saving.load_model(file, compile=False)
    given, wanted = by_ours(file, x), by_keras(model, x)
    assert same(given, wanted)
    assert np.square(given - x).mean() == pytest.approx(np.square(wanted - x).mean(), rel=1e-5)
    assert np.square(given - x).mean() < 0.02  # they were trained on such images


@pytest.mark.parametrize("suffix", [".weights.h5"])
def test_weights_alone_are_matched_to_a_description(suffix: str, tmp_path: Path) -> None:
    model = autoencoder()
    model.save_weights(tmp_path / f"w{suffix}")
    model.save(tmp_path / "whole.keras")
    (tmp_path / "model.json").write_text(model.to_json())
    wanted = by_keras(model, last(digits()))
    shaken(autoencoder()).save(tmp_path / "other.h5")
    for like in ("whole.keras", "other.h5", "model.json"):
        given = by_ours(tmp_path / f"w{suffix}", last(digits()), like=tmp_path / like)
        assert same(given, wanted)


def test_weights_alone_of_keras_2(tmp_path: Path) -> None:
    """Its files of weights have at their root what those of models have in a group."""
    model = autoencoder()
    model.save(tmp_path / "whole.h5")
    with h5py.File(tmp_path / "whole.h5") as whole, h5py.File(tmp_path / "w.h5", "w") as file:
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", file)
        for name, value in whole["model_weights"].attrs.items():
            file.attrs[name] = value
    given = by_ours(tmp_path / "w.h5", last(digits()), like=tmp_path / "whole.h5")
    assert same(given, by_keras(model, last(digits())))


def test_weights_alone_need_a_description_and_whole_models_none(tmp_path: Path) -> None:
    model = autoencoder()
    model.save_weights(tmp_path / "w.weights.h5")
    model.save(tmp_path / "whole.keras")
    for file, like, code in (
        ("w.weights.h5", None, "no-description"),
        ("w.weights.h5", tmp_path / "w.weights.h5", "no-description"),
        ("whole.keras", tmp_path / "whole.keras", "without-effect"),
    ):
        with pytest.raises(UsageError) as caught:
            ours.read(tmp_path / file, like=like)
        assert caught.value.code == code


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    autoencoder().save_weights(tmp_path / "w.weights.h5")
    classifier().save(tmp_path / "other.keras")
    with pytest.raises(DataError) as caught:
        ours.read(tmp_path / "w.weights.h5", like=tmp_path / "other.keras")
    assert caught.value.code in ("weights-disagree", "damaged-file")


def test_names_that_torch_needs_or_that_repeat_are_changed(tmp_path: Path) -> None:
    model = chained(
        (8, 8, 1), L.Conv2D(2, 3, name="forward"), L.Conv2D(2, 3, name="a b+c"), L.Flatten()
    )
    model.save(tmp_path / "model.keras")
    chain = ours.read(tmp_path / "model.keras")
    assert [one.name for one in chain.layers][:2] == ["forward_layer", "a_b_c"]
    assert chain.ends["a b+c"] == 1
    assert same(by_ours(tmp_path / "model.keras", last(digits())), by_keras(model, last(digits())))


def test_settings_that_are_not_here_have_kerass_defaults(tmp_path: Path) -> None:
    """Very old files leave settings out that came later."""
    model = autoencoder()
    model.save(tmp_path / "model.h5")

    def older(config: dict[str, Any]) -> None:
        for one in config["config"]["layers"]:
            for name in ("groups", "dilation_rate", "interpolation", "trainable", "dtype"):
                one["config"].pop(name, None)

    redescribed(tmp_path / "model.h5", older)
    assert same(by_ours(tmp_path / "model.h5", last(digits())), by_keras(model, last(digits())))


def test_a_module_of_a_chain_does_not_learn_by_being_used(tmp_path: Path) -> None:
    model = autoencoder()
    model.save(tmp_path / "model.keras")
    module = as_module(ours.read(tmp_path / "model.keras"))
    x = torch.from_numpy(digits())
    assert torch.equal(module(x), module(x)) and not module.training
