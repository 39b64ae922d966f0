"""Denoisers beside a median filter, against scipy's and the plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from evaluation_tiny import CPU, digits, index, model
from scipy.ndimage import median_filter
from torch import Tensor

from latens.errors import LatensError
from latens.evaluation.denoising import NOISY, denoising, median
from latens.evaluation.noise import corrupted


def test_the_noisy_row_is_what_the_noise_does() -> None:
    chosen = index(0, 40)
    values, arrays = denoising({"ours": model()}, digits(), chosen, CPU, levels=(0.0, 0.4))
    x = torch.from_numpy(digits().images[:40] / np.float32(255))
    noisy = corrupted(x, "salt_pepper", 0.4, 0, 0)
    row = values["methods"][-1]
    assert row["name"] == NOISY
    assert row["mse"] == pytest.approx([0, float((noisy - x).square().mean())], rel=1e-5)
    assert row["psnr"][0] == 100 and row["ssim"][0] == pytest.approx(1)
    assert arrays["mse"].shape == (4, 2, 40)
    np.testing.assert_allclose(arrays["mse"].mean(2)[-1], row["mse"], rtol=1e-5)
    assert arrays["noisy"].shape == arrays["denoised"].shape == (2, 10, 1, 8, 8)
    np.testing.assert_array_equal(arrays["noisy"][0], arrays["originals"])


def test_a_perfect_denoiser_is_told_apart() -> None:
    clean = torch.from_numpy(digits().images[:20] / np.float32(255))

    def knows(_: Tensor) -> Tensor:
        return clean

    values, arrays = denoising({"knows": knows}, digits(), index(0, 20), CPU, levels=(0.5,))
    assert values["methods"][0]["name"] == "knows"
    assert values["methods"][0]["psnr"] == [100] and values["methods"][1]["psnr"][0] < 30
    np.testing.assert_array_equal(arrays["denoised"][0], arrays["originals"])


def test_several_batches_come_to_the_same_as_their_images() -> None:
    values, arrays = denoising({}, digits(1200), index(0, 1200), CPU, levels=(0.3,), limit=700)
    assert values["images"] == 1200 and arrays["mse"].shape == (3, 1, 1200)
    assert (arrays["mse"][-1] > 0).all()
    assert 0 < values["methods"][0]["ssim"][0] < 1


@pytest.mark.parametrize("size", [3, 5])
def test_the_median_is_scipys_for_each_channel(size: int) -> None:
    x = torch.rand(2, 3, 9, 7)
    expected = [[median_filter(x[n, c].numpy(), size) for c in range(3)] for n in range(2)]
    np.testing.assert_array_equal(median(x, size).numpy(), np.array(expected))


def test_a_black_border_is_black() -> None:
    assert median(torch.ones(1, 1, 5, 5), 3, "black")[0, 0, 0, 0] == 0
    assert median(torch.ones(1, 1, 5, 5), 3)[0, 0, 0, 0] == 1


def test_a_lone_wrong_pixel_is_mended() -> None:
    x = torch.full((1, 1, 9, 9), 0.5)
    x[0, 0, 4, 4] = 1
    assert bool((median(x, 3) == 0.5).all())


def test_no_images_is_told() -> None:
    with pytest.raises(LatensError) as told:
        denoising({}, digits(), index(0, 0), CPU)
    assert told.value.code == "no-images"
