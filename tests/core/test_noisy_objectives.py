"""Objectives that change the input: what they see, what they are judged by, and exact means."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_tiny import some_batch, whole_model
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from latens.data.batches import Batch
from latens.errors import UsageError
from latens.metrics import Totals
from latens.nn.model import Model
from latens.objectives import classify, denoise, joint, masked, reconstruct
from latens.objectives._corrupt import corrupted
from latens.spec import (
    ClassifySpec,
    CorruptSpec,
    DenoiseSpec,
    JointSpec,
    MaskedSpec,
    MLPSpec,
    ReconstructSpec,
)

GAUSSIAN = CorruptSpec(name="gaussian", strength=0.5)
NOTHING = CorruptSpec(name="gaussian", strength=0.0)


class Seen(torch.nn.Module):
    """An encoder that remembers what it was given."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder, self.images = encoder, torch.zeros(0)

    def forward(self, images: Tensor) -> Tensor:
        self.images = images
        features: Tensor = self.encoder(images)
        return features


def watched() -> tuple[Model, Seen]:
    """A model, and its encoder that remembers."""
    model = whole_model(network=MLPSpec(hidden=(8,), latent=4)).eval()
    seen = Seen(model.encoder)
    model.encoder = torch.nn.Sequential(seen)
    return model, seen


def test_two_corruptions_are_done_in_turn() -> None:
    images = some_batch().images
    torch.manual_seed(3)
    both = corrupted(images, (CorruptSpec(name="mask", strength=1.0), GAUSSIAN))
    assert both.std() > 0, "black patches under noise are not black"
    torch.manual_seed(3)
    black = corrupted(images, (GAUSSIAN, CorruptSpec(name="mask", strength=1.0)))
    assert not black.any()


def test_each_image_draws_its_strength_from_the_range() -> None:
    images = torch.full((400, 1, 8, 8), 0.5)
    salted = corrupted(images, (CorruptSpec(name="salt_pepper", strength=(0.2, 0.6)),))
    lost = (salted != 0.5).flatten(1).float().mean(1)
    assert lost.std() > 0.08, "one strength for all"
    assert abs(float(lost.mean()) - 0.4) < 0.03
    assert bool(((lost > 0.0) & (lost < 0.9)).all())


def test_the_callers_seed_decides_the_noise_and_moves_on() -> None:
    images = some_batch().images
    torch.manual_seed(1)
    first, second = corrupted(images, (GAUSSIAN,)), corrupted(images, (GAUSSIAN,))
    torch.manual_seed(1)
    assert torch.equal(corrupted(images, (GAUSSIAN,)), first)
    assert not torch.equal(first, second)


def test_a_denoiser_sees_noise_and_is_judged_by_the_clean_image() -> None:
    (model, seen), batch = watched(), some_batch()
    judge = denoise.build(DenoiseSpec(corruptions=(GAUSSIAN,)))
    torch.manual_seed(5)
    mse, count = judge.step(model, batch).sums["mse"]
    noisy = seen.images
    assert (noisy - batch.images).abs().mean() > 0.05
    given = torch.sigmoid(model.pixel_logits(noisy))
    assert float(mse) / count == pytest.approx((given - batch.images).square().mean().item())


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_a_denoiser_without_noise_reconstructs(loss: Any) -> None:
    model, batch = whole_model().eval(), some_batch()
    plain = reconstruct.build(ReconstructSpec(loss=loss)).step(model, batch)
    none = denoise.build(DenoiseSpec(loss=loss, corruptions=(NOTHING,))).step(model, batch)
    assert torch.equal(plain.loss, none.loss)
    assert plain.sums == none.sums


@pytest.mark.parametrize("training", [True, False])
def test_a_classifier_sees_noise_in_training_and_validation(training: bool) -> None:
    (model, seen), batch = watched(), some_batch()
    classify.build(ClassifySpec(corruptions=(GAUSSIAN,))).step(model.train(training), batch)
    assert not torch.equal(seen.images, batch.images)
    classify.build(ClassifySpec()).step(model, batch)
    assert torch.equal(seen.images, batch.images)


@pytest.mark.parametrize(
    "build",
    [
        lambda specs: denoise.build(DenoiseSpec(corruptions=specs)),
        lambda specs: classify.build(ClassifySpec(corruptions=specs)),
        lambda specs: joint.build(JointSpec(corruptions=specs)),
    ],
)
def test_what_is_no_corruption_is_refused(build: Any) -> None:
    with pytest.raises(UsageError, match="affine is an augmentation") as caught:
        build((CorruptSpec(name="affine"),))
    assert caught.value.code == "not-a-corruption"
    with pytest.raises(UsageError, match="salt"):
        build((CorruptSpec(name="salt_peper"),))


@given(
    st.integers(2, 20), st.integers(2, 20), st.integers(1, 9), st.floats(0.01, 0.99),
    st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_exactly_so_many_whole_patches_are_hidden(
    height: int, width: int, patch: int, share: float, seed: int
) -> None:
    rows, columns = -(-height // patch), -(-width // patch)
    if rows * columns < 2:
        return
    torch.manual_seed(seed)
    hidden = masked.hide(torch.zeros(3, 2, height, width), patch, share)
    assert hidden.shape == (3, 1, height, width)
    corners = hidden[:, 0, ::patch, ::patch]
    wide = corners.repeat_interleave(patch, 1).repeat_interleave(patch, 2)
    assert torch.equal(hidden[:, 0], wide[:, :height, :width]), "part of a patch is hidden"
    wanted = min(max(1, round(share * rows * columns)), rows * columns - 1)
    assert corners.flatten(1).sum(1).tolist() == [wanted] * 3


def test_other_patches_are_hidden_in_each_image_and_each_time() -> None:
    first, second = (masked.hide(torch.zeros(50, 1, 28, 28), 4, 0.5) for _ in range(2))
    assert len(first.flatten(1).unique(dim=0)) == 50
    assert not torch.equal(first, second)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_only_hidden_pixels_count_and_they_are_black(loss: Any) -> None:
    (model, seen), clean = watched(), some_batch().images
    batch = Batch(clean.clamp(min=0.1), None)  # so that black means hidden
    torch.manual_seed(5)
    step = masked.build(MaskedSpec(patch=3, share=0.4, loss=loss)).step(model, batch)
    hidden = seen.images == 0
    assert torch.equal(seen.images[~hidden], batch.images[~hidden])
    given = torch.sigmoid(model.pixel_logits(seen.images))
    squared = (given - batch.images).square()
    each = [error[there].mean() for error, there in zip(squared, hidden, strict=True)]
    mse, count = step.sums["masked_mse"]
    assert float(mse) / count == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)
    assert float(step.sums["mse"][0]) / count == pytest.approx(squared.mean().item(), rel=1e-5)
    assert step.loss.item() == pytest.approx(
        float(step.sums["masked_mse" if loss == "mse" else "bce"][0]) / count, rel=1e-6
    )


@pytest.mark.parametrize("size", [1, 2, 7, 15])
def test_hidden_pixels_are_averaged_by_image_whatever_the_batch(size: int) -> None:
    """Each image is of one grey, and so is the answer: which patches are hidden is all the same."""
    grey = torch.linspace(0.1, 0.9, 16)[:, None, None, None].expand(-1, 1, 8, 8)
    model = whole_model(network=MLPSpec(hidden=(8,), latent=4)).eval()
    model.decoder = Middle()
    judge, totals = masked.build(MaskedSpec(patch=3)), Totals()
    for images in grey.split(size):
        totals.add(judge.step(model, Batch(images, None)).sums)
    assert totals.read()["masked_mse"] == pytest.approx(float((grey - 0.5).square().mean()))


class Middle(torch.nn.Module):
    """A decoder that answers the middle grey to everything."""

    def forward(self, features: Tensor) -> Tensor:
        return torch.zeros(len(features), 1, 8, 8)


def test_an_image_of_one_patch_is_refused() -> None:
    with pytest.raises(UsageError, match=r"objective\.patch is 8 and the images are 8x8") as caught:
        masked.build(MaskedSpec(patch=8)).step(whole_model(), some_batch())
    assert caught.value.code == "patch-too-large"


def test_fewer_errors_in_hidden_pixels_are_better() -> None:
    judge = masked.build(MaskedSpec())
    assert judge.score({"masked_mse": 0.1, "mse": 9}) > judge.score({"masked_mse": 0.2, "mse": 1})
