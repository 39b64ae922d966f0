"""Reconstruction of clean and of spoilt images, for every objective that has a decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from evaluation_tiny import CPU, Copies, digits, model, thirds, vae

from latens.data.image_set import ImageSet
from latens.data.split import Split
from latens.evaluation.autoencoder import reconstruction
from latens.evaluation.reconstruction import Quality, as_uint8, image_mse, psnr, ssim
from latens.spec import (
    CorruptSpec,
    DenoiseSpec,
    JointSpec,
    MaskedSpec,
    ObjectiveSpec,
    ReconstructSpec,
    VaeSpec,
)

NOISE = (CorruptSpec(name="salt_pepper", strength=0.4),)
SPOILING: list[ObjectiveSpec] = [
    DenoiseSpec(corruptions=NOISE),
    MaskedSpec(patch=2),
    JointSpec(corruptions=NOISE),
]
NAMES = ("mse", "psnr", "ssim")


def evaluated(objective: ObjectiveSpec | None, net: Any = None, **more: Any) -> Any:
    return reconstruction(net or model(), digits(), thirds(), CPU, objective=objective, **more)


@pytest.mark.parametrize("objective", [None, ReconstructSpec(), JointSpec(), *SPOILING])
def test_numbers_of_clean_images_do_not_hang_on_the_objective(objective: Any) -> None:
    values, arrays = evaluated(objective)
    plain, plain_arrays = evaluated(None)
    assert [values[name] for name in NAMES] == [plain[name] for name in NAMES]
    np.testing.assert_array_equal(arrays["reconstructions"], plain_arrays["reconstructions"])
    assert values["pca_mse"] == plain["pca_mse"] > 0 and values["pca_reason"] is None


def test_they_are_the_plain_formulas() -> None:
    net = model()
    clean = digits().images[thirds().val] / np.float32(255)
    back = net.reconstruct(torch.from_numpy(clean)).detach().numpy()
    values, arrays = evaluated(None, net)
    assert values["mse"] == pytest.approx(image_mse(clean, back).mean(), rel=1e-4)
    assert values["psnr"] == pytest.approx(psnr(image_mse(clean, back)), rel=1e-4)
    assert values["ssim"] == pytest.approx(ssim(clean, back), rel=1e-4)
    np.testing.assert_array_equal(arrays["originals"], digits().images[thirds().val[:16]])
    np.testing.assert_allclose(arrays["reconstructions"], back[:16] * 255, atol=0.51)


@pytest.mark.parametrize("objective", SPOILING)
def test_spoilt_images_are_judged_by_the_clean_ones(objective: ObjectiveSpec) -> None:
    values, arrays = evaluated(objective, Copies())
    # a model that copies gives the spoilt image back: exactly as wrong as its input
    assert values["mse"] == pytest.approx(0, abs=1e-9)
    for name in NAMES:
        assert values[f"noisy_{name}"] == pytest.approx(values[f"input_{name}"], abs=1e-5)
    assert values["input_mse"] > 0.02
    np.testing.assert_array_equal(arrays["corrupted"], arrays["denoised"])
    assert (arrays["corrupted"] != arrays["originals"]).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("objective", SPOILING)
def test_the_noise_is_the_same_each_time_and_leaves_no_trace(objective: ObjectiveSpec) -> None:
    state = torch.random.get_rng_state()
    one, one_arrays = evaluated(objective)
    two, two_arrays = evaluated(objective)
    assert one == two and (one_arrays["corrupted"] == two_arrays["corrupted"]).all()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert evaluated(objective, seed=1)[0]["noisy_mse"] != one["noisy_mse"]


def test_a_masked_model_tells_the_error_of_hidden_pixels() -> None:
    values, _ = evaluated(MaskedSpec(patch=2, share=0.5), Copies())
    # hidden pixels come back black: all of the error is theirs, on half of the pixels
    assert values["masked_mse"] == pytest.approx(2 * values["noisy_mse"], rel=0.1)


@pytest.mark.parametrize("conditional", [False, True])
def test_a_variational_model_tells_its_bound(conditional: bool) -> None:
    objective = VaeSpec(latent=4, conditional=conditional)
    values, arrays = evaluated(objective, vae(conditional=conditional))
    assert values["neg_elbo"] > values["kl"] > 0
    assert values == evaluated(objective, vae(conditional=conditional))[0]
    assert values["code"] == 4 and "corrupted" not in arrays and "noisy_mse" not in values


def test_large_images_say_why_they_have_no_pca() -> None:
    images = ImageSet(np.zeros((9, 3, 40, 40), np.uint8))
    index = np.arange(9)
    split = Split(index[:3], index[3:6], index[6:], index[:3])
    values, _ = reconstruction(Copies(), images, split, CPU)
    assert values["pca_mse"] is None and "4,800" in values["pca_reason"]


def test_a_code_that_could_copy_is_not_compared_with_pca() -> None:
    values, _ = reconstruction(Copies(), digits(), thirds(), CPU)
    assert values["code"] >= values["pixels"] and values["pca_mse"] is None
    assert "wide enough to copy" in values["pca_reason"]


def test_the_test_part_can_be_asked_for() -> None:
    values, arrays = evaluated(None, part="test")
    assert values["part"] == "test"
    np.testing.assert_array_equal(arrays["originals"], digits().images[thirds().test[:16]])


def test_quality_in_batches_is_quality_at_once() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.random((9, 1, 12, 12)).astype(np.float32) for _ in range(2))
    at_once, bit_by_bit = Quality(7), Quality(7)
    at_once.add(a, b)
    for part in (slice(0, 4), slice(4, 8), slice(8, 9)):
        bit_by_bit.add(a[part], b[part])
    assert bit_by_bit.values("x_") == pytest.approx(at_once.values("x_"))
    assert at_once.values()["ssim"] == pytest.approx(ssim(a[:7], b[:7]))


def test_rounding_to_bytes_stays_inside() -> None:
    assert as_uint8(np.array([-1e-3, 0.5 / 255, 0.6 / 255, 1.001])).tolist() == [0, 0, 1, 255]
