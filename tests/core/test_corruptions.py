"""The contract of every file in latens/corrupt."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from latens import catalog

NAMES = catalog.names("corrupt")
every = pytest.mark.parametrize("name", NAMES)


def apply(name: str) -> Callable[[Tensor, float, torch.Generator], Tensor]:
    found: Callable[[Tensor, float, torch.Generator], Tensor] = catalog.load("corrupt", name).apply
    return found


def images(count: int = 16, channels: int = 1, height: int = 9, width: int = 7) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.rand(count, channels, height, width, generator=draw)
    return pixels.contiguous(memory_format=torch.channels_last)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_room_is_not_empty() -> None:
    assert {"affine", "flip"} <= set(NAMES)


@every
def test_it_says_what_it_is(name: str) -> None:
    assert catalog.load("corrupt", name).KIND in ("corruption", "augmentation")


@every
@given(
    count=st.integers(1, 3),
    channels=st.integers(1, 4),
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    strength=st.floats(0.01, 1),
    seed=st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_shape_dtype_and_range(
    name: str, count: int, channels: int, height: int, width: int, strength: float, seed: int
) -> None:
    before = images(count, channels, height, width)
    after = apply(name)(before, strength, seeded(seed))
    assert after.shape == before.shape
    assert after.dtype == before.dtype
    assert after.min() >= 0
    assert after.max() <= 1


@every
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_images_stay_in_range(name: str, value: float) -> None:
    after = apply(name)(torch.full((64, 1, 28, 28), value), 1.0, seeded(0))
    assert after.min() >= 0
    assert after.max() <= 1


@every
def test_strength_zero_is_the_identity(name: str) -> None:
    assert torch.equal(apply(name)(images(), 0.0, seeded(1)), images())


@every
def test_full_strength_is_not(name: str) -> None:
    assert not torch.equal(apply(name)(images(), 1.0, seeded(1)), images())


@every
def test_same_seed_same_bits(name: str) -> None:
    first, second = (apply(name)(images(), 0.7, seeded(5)) for _ in range(2))
    assert torch.equal(first, second)


@every
def test_other_seed_other_bits(name: str) -> None:
    first, second = (apply(name)(images(), 1.0, seeded(seed)) for seed in (5, 6))
    assert not torch.equal(first, second)


@every
def test_the_clean_images_are_left_as_they_were(name: str) -> None:
    before = images()
    apply(name)(before, 1.0, seeded(5))
    assert torch.equal(before, images())


@every
def test_only_the_given_generator_is_drawn_from(name: str) -> None:
    state = torch.get_rng_state()
    apply(name)(images(), 1.0, seeded(5))
    assert torch.equal(state, torch.get_rng_state())


@every
def test_images_of_a_batch_are_treated_one_by_one(name: str) -> None:
    after = apply(name)(images(1).expand(32, -1, -1, -1), 1.0, seeded(5))
    assert len(after.flatten(1).unique(dim=0)) > 1


def test_flip_at_full_strength_mirrors_about_half() -> None:
    before = images(400)
    after = apply("flip")(before, 1.0, seeded(0))
    mirrored = (after == before.flip(3)).flatten(1).all(1)
    kept = (after == before).flatten(1).all(1)
    assert bool((mirrored ^ kept).all())
    assert 0.4 < mirrored.float().mean() < 0.6


def test_affine_keeps_the_middle_of_a_plain_image() -> None:
    after = apply("affine")(torch.ones(64, 1, 21, 21), 1.0, seeded(0))
    assert torch.allclose(after[:, :, 8:13, 8:13], torch.ones(64, 1, 5, 5), atol=1e-5)
