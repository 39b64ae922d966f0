"""What each corruption promises: noise of its size, pixels and patches of their share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_corruptions import apply, images, seeded

from latens.corrupt._rectangle import rectangles

GREY = torch.full((64, 3, 28, 28), 0.5)
shares = pytest.mark.parametrize("share", [0.1, 0.4, 0.75, 1.0])


def test_gaussian_noise_has_the_deviation_of_its_strength() -> None:
    noise = apply("gaussian")(GREY, 0.1, seeded(0)) - GREY
    assert noise.std() == pytest.approx(0.1, rel=0.01)
    assert noise.mean() == pytest.approx(0, abs=1e-3)


def test_gaussian_noise_of_channels_is_independent() -> None:
    for layout in (torch.channels_last, torch.contiguous_format):
        noise = apply("gaussian")(GREY.contiguous(memory_format=layout), 0.1, seeded(0)) - GREY
        between = torch.corrcoef(noise.transpose(0, 1).flatten(1))
        assert torch.allclose(between, torch.eye(3), atol=0.02)


@shares
def test_salt_and_pepper_replace_their_share_half_and_half(share: float) -> None:
    after = apply("salt-pepper")(GREY, share, seeded(0))
    assert (after == 0).float().mean() == pytest.approx(share / 2, abs=0.01)
    assert (after == 1).float().mean() == pytest.approx(share / 2, abs=0.01)


def test_salt_and_pepper_take_a_whole_pixel() -> None:
    before = images(64, 3)
    after = apply("salt-pepper")(before, 0.4, seeded(0))
    kept = (after == before).all(1)
    salt, pepper = (after == 1).all(1), (after == 0).all(1)
    assert bool((kept.int() + salt.int() + pepper.int() == 1).all())


@shares
def test_a_mask_hides_its_exact_share_of_patches(share: float) -> None:
    hidden = apply("mask")(GREY, share, seeded(0)) == 0
    patches = hidden.view(64, 3, 7, 4, 7, 4)
    assert bool((patches.all(5).all(3) == patches.any(5).any(3)).all())
    assert bool((patches[:, :, :, 0, :, 0].sum((2, 3)) == round(share * 49)).all())


def test_masked_patches_differ_between_images() -> None:
    hidden = apply("mask")(GREY, 0.5, seeded(0)) == 0
    assert len(hidden.flatten(1).unique(dim=0)) == len(GREY)
    assert bool((hidden.any(0) & ~hidden.all(0)).all())


@given(
    share=st.floats(0, 1),
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    seed=st.integers(0, 9999),
)
@settings(max_examples=50, deadline=None)
def test_a_rectangle_has_about_its_share(share: float, height: int, width: int, seed: int) -> None:
    x = torch.empty(20, 2, height, width)
    inside = rectangles(x, torch.full((20,), share), seeded(seed))
    high, wide = inside.any(3).sum((1, 2)), inside.any(2).sum((1, 2))
    area = inside.sum((1, 2, 3))
    assert torch.equal(area, high * wide), "not a rectangle"
    # Both sides are whole pixels, so half a row and half a column may be missing or too much.
    assert bool(((area - share * height * width).abs() <= (high + width) / 2 + 0.5).all())
    if share in (0, 1):
        assert bool((area == share * height * width).all())


def test_rectangles_come_to_every_place_and_in_many_shapes() -> None:
    inside = rectangles(torch.empty(500, 1, 16, 16), torch.full((500,), 0.25), seeded(0))
    assert bool(inside.any(0).all())
    assert len(inside.any(3).sum((1, 2)).unique()) > 5


def test_occlusion_is_one_black_rectangle() -> None:
    after = apply("occlude")(GREY, 0.3, seeded(0))
    hidden = (after == 0).all(1, keepdim=True)
    assert torch.equal(after, torch.where(hidden, 0.0, GREY))
    assert hidden.float().mean() == pytest.approx(0.3, abs=0.01)
