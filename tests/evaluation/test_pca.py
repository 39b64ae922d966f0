"""PCA's error against scikit-learn's PCA, in chunks, and on real images."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from latens.evaluation import pca
from latens.evaluation.pca import pca_mse


def digits() -> tuple[Any, Any]:
    images = (load_digits().images * 15.9).astype(np.uint8)[:, None]
    return images[:1400], images[1400:]


def sklearns(train: Any, val: Any, k: int) -> float:
    flat = [images.reshape(len(images), -1) / 255 for images in (train, val)]
    fitted = PCA(k, svd_solver="full").fit(flat[0])
    return float(np.mean((fitted.inverse_transform(fitted.transform(flat[1])) - flat[1]) ** 2))


@pytest.mark.parametrize("k", [1, 8, 32, 60])
def test_it_is_sklearns(k: int) -> None:
    train, val = digits()
    assert pca_mse(train, val, k) == pytest.approx(sklearns(train, val, k), rel=1e-3, abs=1e-9)


def test_chunks_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    train, val = digits()
    whole = pca_mse(train, val, 8)
    monkeypatch.setattr(pca, "PIXELS_AT_ONCE", 64 * 37)
    told: list[tuple[int, int]] = []
    chunked = pca_mse(train, val, 8, lambda what, done, total: told.append((done, total)))
    assert chunked == pytest.approx(whole, rel=1e-5)
    assert told[0] == (37, 1400) and told[-1] == (1400, 1400)


def test_more_numbers_never_make_it_worse() -> None:
    train, val = digits()
    errors = [pca_mse(train, val, k) for k in (1, 2, 4, 16, 63)]
    assert None not in errors
    assert errors == sorted(errors, key=lambda error: -(error or 0.0))


@pytest.mark.parametrize("k", [64, 100])
def test_a_code_that_could_copy_has_no_rival(k: int) -> None:
    train, val = digits()
    assert pca_mse(train, val, k) is None
    assert f"a code of {k} numbers is wide enough to copy an image of 64" in pca.why_not(64, k)
    assert not pca.why_not(64, 63)


def test_fewer_images_than_components() -> None:
    train, val = digits()
    assert pca_mse(train[:5], val, 32) == pytest.approx(sklearns(train[:5], val, 4), rel=1e-3)
    only_mean = np.mean((val / 255 - train[:1] / 255) ** 2)
    assert pca_mse(train[:1], val, 32) == pytest.approx(only_mean, rel=1e-5)


def test_large_images_are_not_applicable() -> None:
    images = np.zeros((3, 3, 40, 40), dtype=np.uint8)
    assert pca_mse(images, images, 32) is None
    assert "at most 3,100 numbers" in pca.why_not(4800, 32)


def test_mnist(shared: Path) -> None:
    packed = (shared / "data/mnist/t10k-images-idx3-ubyte.gz").read_bytes()
    images = np.frombuffer(gzip.decompress(packed), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    found = pca_mse(images[:9000], images[9000:], 32)
    assert found == pytest.approx(sklearns(images[:9000], images[9000:], 32), rel=1e-4)
