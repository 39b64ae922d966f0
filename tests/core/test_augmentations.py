"""What each augmentation promises, where there is one against an independent reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from scipy import ndimage
from test_corruptions import apply, images, seeded
from torch import Tensor

from latens.corrupt import _windows, trivial_augment
from latens.corrupt._rows import rows
from latens.corrupt._warp import warp
from latens.corrupt.equalise import equalised
from latens.corrupt.sharpness import details

LAYOUTS = [torch.channels_last, torch.contiguous_format]


def share_of(after: Tensor, before: Tensor) -> float:
    """The share of images that are as before."""
    return float((after == before).flatten(1).all(1).float().mean())


def test_flip_at_full_strength_mirrors_about_half() -> None:
    before = images(400)
    after = apply("flip")(before, 1.0, seeded(0))
    mirrored = (after == before.flip(3)).flatten(1).all(1)
    kept = (after == before).flatten(1).all(1)
    assert bool((mirrored ^ kept).all())
    assert 0.4 < mirrored.float().mean() < 0.6


@pytest.mark.parametrize("channels", [1, 3])
def test_warp_is_what_torch_computes(channels: int) -> None:
    before, maps = images(8, channels, 9, 9), torch.randn(8, 2, 3, generator=seeded(0))
    grid = F.affine_grid(maps, list(before.shape), align_corners=False)
    wanted = F.grid_sample(before, grid, align_corners=False)
    assert torch.allclose(warp(before, maps), wanted, atol=1e-5)


def test_warp_keeps_angles_in_oblong_images() -> None:
    cos, sin = math.cos(0.5), math.sin(0.5)
    x = images(1, 1, 9, 15)
    after = warp(x, torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]]))[0, 0]
    turn = np.array([[cos, sin], [-sin, cos]])  # rows come first there
    middle = np.array([4.0, 7.0])
    wanted = ndimage.affine_transform(
        x[0, 0].numpy(), turn, middle - turn @ middle, order=1, mode="grid-constant"
    )
    assert np.allclose(after.numpy(), wanted, atol=1e-5)


def test_affine_keeps_the_middle_of_a_plain_image() -> None:
    after = apply("affine")(torch.ones(64, 1, 21, 21), 1.0, seeded(0))
    assert torch.allclose(after[:, :, 8:13, 8:13], torch.ones(64, 1, 5, 5), atol=1e-5)


def test_rotation_keeps_a_disc_and_turns_a_bar() -> None:
    at = torch.linspace(-1, 1, 33)
    disc = (1.5 - 3 * torch.hypot(at[:, None], at[None])).clamp(0, 1).expand(64, 1, 33, 33)
    assert (apply("rotate")(disc, 1.0, seeded(0)) - disc).abs().max() < 0.05
    bar = torch.zeros(64, 1, 33, 33)
    bar[:, :, 16] = 1
    ends = apply("rotate")(bar, 1.0, seeded(0))[..., 24].argmax(2).squeeze() - 16
    assert ends.min() < -2 and ends.max() > 2
    assert ends.abs().max() <= math.ceil(8 * math.tan(math.radians(30)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_windows_are_slices(channels: int, layout: torch.memory_format) -> None:
    x = images(16, channels, 11, 9).contiguous(memory_format=layout)
    top = torch.randint(4, (16,), generator=seeded(0))
    left = torch.randint(3, (16,), generator=seeded(1))
    cut = _windows.windows(x, top, left, 8, 7)
    wanted = [x[i, :, t : t + 8, m : m + 7] for i, (t, m) in enumerate(zip(top, left, strict=True))]
    assert torch.equal(cut, torch.stack(wanted))


def test_shift_moves_by_at_most_a_quarter_and_leaves_black() -> None:
    before = torch.zeros(400, 1, 16, 16)
    before[:, :, 8, 8] = 1
    places = apply("shift")(before, 1.0, seeded(0)).flatten(1).argmax(1)
    assert set((places // 16 - 8).tolist()) == set(range(-4, 5))
    assert set((places % 16 - 8).tolist()) == set(range(-4, 5))
    white = apply("shift")(torch.ones(400, 1, 16, 16), 1.0, seeded(0))
    assert white.flatten(1).mean(1).min() == pytest.approx(12 * 12 / 256)


def test_crop_moves_by_at_most_an_eighth_and_invents_nothing() -> None:
    before = images(200, 3, 16, 16)
    after = apply("crop")(before, 1.0, seeded(0))
    inner = before[:, :, 2:-2, 2:-2]
    found = torch.zeros(200, dtype=torch.bool)
    for top in range(5):
        for left in range(5):
            found |= (after[:, :, top : top + 12, left : left + 12] == inner).flatten(1).all(1)
    assert bool(found.all())
    assert float(apply("crop")(torch.ones(64, 1, 16, 16), 1.0, seeded(0)).min()) == 1


def test_brightness_multiplies() -> None:
    factors = apply("brightness")(torch.full((500, 3, 8, 8), 0.5), 1.0, seeded(0)) / 0.5
    assert bool((factors == factors[:, :1, :1, :1]).all())
    assert factors.min() == pytest.approx(0.1, abs=0.02)
    assert factors.max() == pytest.approx(1.9, abs=0.02)


def test_contrast_multiplies_the_distance_to_the_mean() -> None:
    before = 0.4 + 0.2 * images(500, 3)
    after = apply("contrast")(before, 1.0, seeded(0))
    mean = before.mean((1, 2, 3), keepdim=True)
    factors = (after - mean) / (before - mean)
    assert torch.allclose(after.mean((1, 2, 3), keepdim=True), mean, atol=1e-5)
    assert factors.flatten(1).median(1).values.min() == pytest.approx(0.1, abs=0.02)
    assert factors.flatten(1).median(1).values.max() == pytest.approx(1.9, abs=0.02)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sharpness_takes_pillows_neighbourhood(layout: torch.memory_format) -> None:
    pixels = torch.randint(256, (1, 3, 12, 10), dtype=torch.uint8, generator=seeded(0))
    x, step = rows((pixels / 255).contiguous(memory_format=layout))
    blurred = x[:, 1:-1, step:-step] - details(x, step)
    picture = Image.fromarray(pixels[0].permute(1, 2, 0).numpy())
    wanted = np.asarray(picture.filter(ImageFilter.SMOOTH))[1:-1, 1:-1] / 255
    got = blurred.view(10, 8, 3) if step == 3 else blurred.permute(1, 2, 0)
    assert np.abs(got.numpy() - wanted).max() < 1 / 255


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_sharpness_leaves_edges_and_plain_images(strength: float) -> None:
    before = images(channels=3)
    after = apply("sharpness")(before, strength, seeded(0))
    edge = torch.ones(9, 8, dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    assert torch.equal(after[:, :, edge], before[:, :, edge])
    plain = torch.full((8, 3, 9, 9), 0.3)
    assert torch.allclose(apply("sharpness")(plain, strength, seeded(0)), plain)


def test_four_levels_become_evenly_spread() -> None:
    levels = torch.tensor([0.30, 0.31, 0.34, 0.40]).repeat_interleave(16).view(1, 1, 8, 8)
    wanted = torch.tensor([0, 1 / 3, 2 / 3, 1]).repeat_interleave(16).view(1, 1, 8, 8)
    assert torch.allclose(equalised(levels), wanted)


def test_equalising_keeps_the_order_and_spans_the_range() -> None:
    before = (0.2 + 0.3 * images(8, 3, 16, 16)).mul(255).round() / 255
    after = equalised(before)
    for old, new in zip(before.flatten(0, 1), after.flatten(0, 1), strict=True):
        order = old.flatten().argsort()
        assert bool((new.flatten()[order].diff() >= 0).all())
        assert (new.min(), new.max()) == (0, 1)
    assert bool((after.flatten(2).mean(2) - 0.5).abs().max() < 0.05)
    assert torch.allclose(equalised(after.mul(255).round() / 255), after, atol=1 / 255)


def test_equalising_leaves_a_plain_image() -> None:
    plain = torch.full((2, 3, 8, 8), 51 / 255)
    assert torch.allclose(equalised(plain), plain)


def test_erasing_hits_about_half_and_at_most_its_share() -> None:
    before = torch.full((400, 1, 20, 20), 2.0)  # a value that noise never has
    after = apply("erase")(before, 1.0, seeded(0))
    erased = (after != before).float().mean((1, 2, 3))
    assert 0.4 < (erased > 0).float().mean() < 0.6
    assert 0.3 < erased.max() < 0.44
    assert 0.4 < after[after != before].mean() < 0.6


class _Marker:
    """An operation that adds its number to images, and counts them."""

    def __init__(self, number: float) -> None:
        self.number = number
        self.sizes: list[int] = []

    def apply(self, x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
        self.sizes.append(len(x))
        return x + self.number


@pytest.mark.parametrize("layout", LAYOUTS)
def test_trivial_augment_does_one_thing_to_each(
    layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    markers = [_Marker(2.0), _Marker(4.0), _Marker(6.0)]
    monkeypatch.setattr(trivial_augment, "OPERATIONS", (None, *markers))
    before = images(9, 3).contiguous(memory_format=layout)
    done: set[tuple[int, float]] = set()
    for seed in range(40):
        added = trivial_augment.apply(before, 1.0, seeded(seed)) - before
        numbers = added[:, 0, 0, 0].round()
        assert torch.allclose(added, numbers[:, None, None, None].expand_as(added), atol=1e-5)
        assert numbers.unique().tolist() == [0, 2, 4, 6]
        done.update(enumerate(numbers.tolist()))
    assert len(done) == 9 * 4, "an image never met an operation"
    for marker in markers:
        assert set(marker.sizes) == {2, 3}, "the larger part does not change hands"


def test_trivial_augment_leaves_the_share_of_no_operation() -> None:
    before = images(160, 3, 16, 16)
    after = apply("trivial-augment")(before, 1.0, seeded(0))
    assert share_of(after, before) == pytest.approx(1 / 8, abs=0.03)


def test_trivial_augment_of_fewer_images_than_operations() -> None:
    alone = images(1, 3)
    results = [apply("trivial-augment")(alone, 1.0, seeded(seed)) for seed in range(16)]
    assert len({tuple(result.flatten().tolist()) for result in results}) > 1
