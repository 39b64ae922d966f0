"""Real pictures, models of real Keras on them, and what both programs make of the same file."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt
import torch
from keras import layers as L
from sklearn.datasets import load_digits, load_sample_image

from latens.formats import keras as ours
from latens.formats._model import as_module

Images = npt.NDArray[np.float32]
TOLERANCE = 1e-5


@cache
def pictures(height: int, width: int, channels: int = 3) -> Images:
    """Eight pieces of a photograph, `[8, H, W, C]` from 0 to 1; the green alone for one channel."""
    photo = load_sample_image("china.jpg").astype(np.float32) / 255
    pieces = [photo[100 + 20 * i :, 40 * i :][:height, :width] for i in range(8)]
    found = np.stack(pieces)
    return found if channels == 3 else found[..., 1:2]


@cache
def digits(count: int = 16) -> Images:
    """Real digits, `[N, 1, 8, 8]` from 0 to 1."""
    return (load_digits().images[:count, None] / 16).astype(np.float32)


def shaken(model: Any) -> Any:
    """The model with every weight drawn anew, so that no mistake hides behind zeros and ones."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        values = rng.uniform(0.2, 1.0, weight.shape) * rng.choice([-1, 1], weight.shape)
        if "variance" in weight.path or "gamma" in weight.path:
            values = np.abs(values)
        weight.assign(values * (0.4 if "kernel" in weight.path else 1))
    return model


def by_keras(model: Any, images: Images) -> Images:
    """What Keras makes of images in its own order of axes."""
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(images)).numpy(), dtype=np.float32)


def by_ours(file: Path, images: Images, **more: Any) -> Images:
    """What latens makes of a file; images and answers in the order channels last."""
    chain = ours.read(file, **more)
    with torch.no_grad():
        found = as_module(chain)(torch.from_numpy(first(images))).numpy()
    return last(found)


def first(images: Images) -> Images:
    """Channels first."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if images.ndim == 4 else images


def last(images: Images) -> Images:
    """Channels last."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)) if images.ndim == 4 else images


def same(a: Images, b: Images) -> bool:
    """Equal within the tolerance that latens states, for numbers of about 1."""
    return a.shape == b.shape and bool(np.abs(a - b).max() <= TOLERANCE * max(1, np.abs(b).max()))


def chained(shape: tuple[int, ...], *steps: Any) -> Any:
    """A Sequential model with random weights."""
    return shaken(keras.Sequential([keras.Input(shape), *steps]))


def autoencoder(size: int = 8) -> Any:
    """A small one of the usual kind."""
    return chained(
        (size, size, 1),
        L.Conv2D(4, 3, padding="same", activation="relu", name="in_1"),
        L.BatchNormalization(name="norm"),
        L.MaxPooling2D(name="pool"),
        L.Conv2D(2, 3, padding="same", activation="relu", name="code"),
        L.UpSampling2D(name="double"),
        L.Conv2D(1, 3, padding="same", activation="sigmoid", name="out_1"),
    )  # fmt: skip


def classifier(size: int = 8, classes: int = 10, end: str | None = "softmax") -> Any:
    """A small one of the usual kind."""
    return chained(
        (size, size, 1),
        L.Conv2D(4, 3, activation="relu", name="features"),
        L.Flatten(name="flat"),
        L.Dense(6, activation="relu", name="narrow"),
        L.Dropout(0.3, name="drop"),
        L.Dense(classes, activation=end, name="scores"),
    )  # fmt: skip


def redescribed(file: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A .h5 file whose description was changed."""
    with h5py.File(file, "r+") as opened:
        config = json.loads(opened.attrs["model_config"])
        changed = change(config)
        opened.attrs["model_config"] = json.dumps(config if changed is None else changed)
    return file


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    """A layer's settings in a description."""
    found = next(one for one in config["config"]["layers"] if one["config"]["name"] == name)
    settings: dict[str, Any] = found["config"]
    return settings
