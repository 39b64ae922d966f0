"""PSNR and SSIM against their formulas written out slowly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latens.evaluation import reconstruction
from latens.evaluation.reconstruction import image_mse, psnr, ssim

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(8, 20), st.integers(8, 20))


def pair(shape: tuple[int, ...], seed: int = 0, noise: float = 0.2) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    a = rng.random(shape).astype(np.float32)
    b = np.clip(a + rng.normal(0, noise, shape), 0, 1).astype(np.float32)
    return a, b


def slow_ssim(x: Any, y: Any, reflect: bool) -> float:
    """Wang et al. (2004), equations 13 to 16, one window at a time, for one channel [H, W]."""
    away = np.arange(-5, 6) ** 2
    window = np.exp(-(away[:, None] + away[None, :]) / (2 * 1.5**2))
    window /= window.sum()
    if reflect:
        x, y = np.pad(x, 5, mode="symmetric"), np.pad(y, 5, mode="symmetric")
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            u, v = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mu_u, mu_v = (window * u).sum(), (window * v).sum()
            var_u = (window * (u - mu_u) ** 2).sum()
            var_v = (window * (v - mu_v) ** 2).sum()
            covariance = (window * (u - mu_u) * (v - mu_v)).sum()
            values.append(
                (2 * mu_u * mu_v + 1e-4)
                * (2 * covariance + 9e-4)
                / ((mu_u**2 + mu_v**2 + 1e-4) * (var_u + var_v + 9e-4))
            )
    return float(np.mean(values))


@pytest.mark.parametrize("size", [(8, 8), (8, 30), (10, 11), (11, 11), (17, 13), (28, 28)])
def test_ssim_is_the_formula(size: tuple[int, int]) -> None:
    a, b = pair((2, 3, *size))
    expected = np.mean(
        [slow_ssim(a[n, c], b[n, c], reflect=min(size) < 11) for n in range(2) for c in range(3)]
    )
    assert ssim(a, b) == pytest.approx(expected, abs=1e-6)


@given(SHAPES, st.integers(0, 1000))
@settings(max_examples=30)
def test_ssim_of_itself_is_one_and_of_others_less(shape: Any, seed: int) -> None:
    a, b = pair(shape, seed)
    assert ssim(a, a) == pytest.approx(1)
    assert -1 <= ssim(a, b) < 1
    assert ssim(a, b) == pytest.approx(ssim(b, a))


def test_ssim_falls_with_noise() -> None:
    values = [ssim(*pair((4, 1, 28, 28), noise=noise)) for noise in (0.01, 0.1, 0.3)]
    assert values[0] > values[1] > values[2]


def test_ssim_of_flat_images_is_finite() -> None:
    black, white = np.zeros((2, 1, 16, 16)), np.ones((2, 1, 16, 16))
    assert ssim(black, black) == pytest.approx(1)
    assert 0 <= ssim(black, white) < 0.01


def test_slices_do_not_change_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair((7, 2, 12, 12))
    whole = ssim(a, b)
    monkeypatch.setattr(reconstruction, "PIXELS_AT_ONCE", 2 * 12 * 12 * 3)
    assert ssim(a, b) == pytest.approx(whole, rel=1e-12)


def test_mse_is_per_image() -> None:
    a, b = np.zeros((2, 1, 8, 8), np.float32), np.zeros((2, 1, 8, 8), np.float32)
    b[1] = 0.5
    np.testing.assert_allclose(image_mse(a, b), [0, 0.25])


def test_psnr_is_that_of_the_mean_error() -> None:
    """A perfect image among bad ones must not carry the number off."""
    assert psnr([0.01]) == pytest.approx(20)
    assert psnr([0.02, 0.0]) == pytest.approx(20)


def test_psnr_of_a_perfect_image_is_finite() -> None:
    assert psnr([0.0]) == 100


@given(st.lists(st.floats(1e-9, 1), min_size=1), st.floats(1.01, 10))
def test_psnr_falls_as_errors_grow(errors: list[float], factor: float) -> None:
    assert psnr(np.array(errors) * factor) < psnr(errors)
