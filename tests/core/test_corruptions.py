"""The contract of every file in latens/corrupt."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from latens import catalog

Apply = Callable[[Tensor, float | Tensor, torch.Generator], Tensor]

NAMES = catalog.names("corrupt")
CORRUPTIONS = [n for n in NAMES if catalog.load("corrupt", n).KIND == "corruption"]
every = pytest.mark.parametrize("name", NAMES)
every_corruption = pytest.mark.parametrize("name", CORRUPTIONS)


def apply(name: str) -> Apply:
    found: Apply = catalog.load("corrupt", name).apply
    return found


def images(count: int = 16, channels: int = 1, height: int = 9, width: int = 8) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.rand(count, channels, height, width, generator=draw)
    return pixels.contiguous(memory_format=torch.channels_last)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_room_holds_what_people_ask_for() -> None:
    assert {"gaussian", "salt-pepper", "mask", "occlude"} <= set(CORRUPTIONS)
    assert {
        "affine", "brightness", "contrast", "crop", "equalise", "erase", "flip", "rotate",
        "sharpness", "shift", "trivial-augment",
    } <= set(NAMES) - set(CORRUPTIONS)  # fmt: skip


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
    layout=st.sampled_from([torch.channels_last, torch.contiguous_format]),
)
@settings(max_examples=25, deadline=None)
def test_shape_dtype_and_range(
    name: str,
    count: int,
    channels: int,
    height: int,
    width: int,
    strength: float,
    seed: int,
    layout: torch.memory_format,
) -> None:
    before = images(count, channels, height, width).contiguous(memory_format=layout)
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
@pytest.mark.parametrize("zero", [0, 0.0])
def test_strength_zero_is_the_identity(name: str, zero: float) -> None:
    assert torch.equal(apply(name)(images(), zero, seeded(1)), images())


@every
@pytest.mark.parametrize("one", [1, 1.0])
def test_full_strength_is_not(name: str, one: float) -> None:
    assert not torch.equal(apply(name)(images(), one, seeded(1)), images())


@every
def test_same_seed_same_bits(name: str) -> None:
    first, second = (apply(name)(images(), 0.7, seeded(5)) for _ in range(2))
    assert torch.equal(first, second)


@every
def test_other_seed_other_bits(name: str) -> None:
    first, second = (apply(name)(images(), 0.7, seeded(seed)) for seed in (5, 6))
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
    after = apply(name)(images(1).expand(32, -1, -1, -1), 0.7, seeded(5))
    assert len(after.flatten(1).unique(dim=0)) > 1


# Gaussian noise is drawn in the order of memory, for speed.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "gaussian"])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_both_memory_layouts_mean_the_same(name: str, channels: int) -> None:
    last = images(channels=channels)
    first = apply(name)(last.contiguous(), 0.7, seeded(5))
    assert torch.allclose(apply(name)(last, 0.7, seeded(5)), first, atol=1e-6)


@every
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_memory_layout_stays(name: str, layout: torch.memory_format) -> None:
    before = images(channels=3).contiguous(memory_format=layout)
    assert apply(name)(before, 0.7, seeded(5)).is_contiguous(memory_format=layout)


@every
def test_nothing_waits_for_numbers_from_the_device(name: str) -> None:
    """Tensors without contents refuse to be read, as `.item()` and boolean indexing would."""
    with FakeTensorMode():
        x = torch.rand(16, 3, 9, 8)
        strengths: list[float | Tensor] = [0.7]
        strengths += [torch.rand(16)] if name in CORRUPTIONS else []
        for strength in strengths:
            assert apply(name)(x, strength, torch.Generator()).shape == x.shape


@every_corruption
def test_a_strength_for_each_image(name: str) -> None:
    strength = torch.arange(16) % 2.0
    after = apply(name)(images(), strength, seeded(3))
    same = (after == images()).flatten(1).all(1)
    assert torch.equal(same, strength == 0)


@every_corruption
@pytest.mark.parametrize("channels", [1, 3])
def test_equal_strengths_are_one_strength(name: str, channels: int) -> None:
    x = images(channels=channels)
    together = apply(name)(x, 0.4, seeded(3))
    assert torch.equal(apply(name)(x, torch.full((16,), 0.4), seeded(3)), together)


@every_corruption
def test_stronger_means_further_from_the_clean_image(name: str) -> None:
    x = images(64, 3, 16, 16)
    strengths = (0.1, 0.3, 0.5, 0.7, 0.9)
    errors = [float((apply(name)(x, s, seeded(3)) - x).square().mean()) for s in strengths]
    assert errors == sorted(errors)
