"""Sums that merge, batches that hold every image once, seeds that depend on the place alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from core_tiny import CPU, digits, index
from hypothesis import given, settings
from hypothesis import strategies as st

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.metrics import Totals
from latens.seeds import fold

PARTS = st.lists(st.tuples(st.integers(-1000, 1000), st.integers(1, 9)), min_size=1, max_size=12)


def totals(*parts: tuple[int, int]) -> Totals:
    made = Totals()
    for value, count in parts:
        made.add({"mse": (torch.tensor(float(value)), count)})
    return made


def merged(*several: Totals) -> Totals:
    made = Totals()
    for each in several:
        made.add({name: (value, each.counts[name]) for name, value in each.sums.items()})
    return made


@given(PARTS, PARTS, PARTS)
@settings(max_examples=50, deadline=None)
def test_merging_is_associative(a: Any, b: Any, c: Any) -> None:
    first, second, third = totals(*a), totals(*b), totals(*c)
    left = merged(merged(first, second), third)
    right = merged(first, merged(second, third))
    straight = totals(*a, *b, *c)
    assert left.read() == right.read() == straight.read()
    everything = [*a, *b, *c]
    mean = sum(v for v, _ in everything) / sum(n for _, n in everything)
    assert straight.read()["mse"] == pytest.approx(mean, rel=1e-12)


def test_reading_waits_for_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Totals()
    for name in ("a", "b", "c"):
        made.add({name: (torch.tensor(6.0), 3)})
    calls = []
    for method in ("item", "tolist", "cpu", "numpy", "__float__"):
        original = getattr(torch.Tensor, method)
        monkeypatch.setattr(
            torch.Tensor, method, lambda self, m=method, o=original: calls.append(m) or o(self)
        )
    assert made.read() == {"a": 2.0, "b": 2.0, "c": 2.0}
    assert len(calls) == 1


def test_adding_never_reads() -> None:
    made = totals((3, 1))
    meta = torch.empty((), device="meta")  # a tensor without a value: reading it would fail
    made.add({"other": (meta, 2)})
    assert made.counts == {"mse": 1, "other": 2}


def test_small_values_are_not_lost_in_large_sums() -> None:
    made = totals((2**25, 1))
    for _ in range(100):
        made.add({"mse": (torch.tensor(1.0), 0)})
    assert made.read()["mse"] == 2**25 + 100


def test_the_tensors_of_a_batch_are_not_changed() -> None:
    first = torch.tensor(1.0, dtype=torch.float64)
    made = Totals()
    for _ in range(3):
        made.add({"mse": (first, 1)})
    assert first == 1


def test_nothing_counted_reads_as_nothing() -> None:
    assert Totals().read() == {}


def batches(count: int, size: int, **changes: Any) -> Batches:
    return Batches(digits(), index(0, count), size, CPU, **changes)


def numbered(count: int) -> ImageSet:
    """Images whose label is their number."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 2, 4, 3), dtype=np.uint8)
    return ImageSet(pixels, np.arange(count), tuple(map(str, range(count))))


def labels_of(made: Any) -> list[int]:
    return [int(label) for batch in made for label in batch.labels]


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_an_epoch_has_every_image_once(count: int, size: int, epoch: int) -> None:
    made = Batches(numbered(60), index(0, count), size, CPU)
    drawn = list(made.epoch(epoch))
    assert sorted(labels_of(drawn)) == list(range(count))
    assert len(drawn) == len(made)
    assert made.examples == count
    assert all(len(batch) == size for batch in drawn[:-1])
    assert count == 1 or size == 1 or all(len(batch) > 1 for batch in drawn)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_another_size_gives_the_same_order_in_other_batches(
    count: int, size: int, other: int
) -> None:
    made = Batches(numbered(60), index(0, count), size, CPU)
    drawn = list(made.epoch(4, size=other))
    assert labels_of(drawn) == labels_of(made.epoch(4))
    assert len(drawn) == made.steps(other)
    assert all(len(batch) == other for batch in drawn[:-1])
    assert labels_of(made.epoch(4, 1, other)) == labels_of(drawn[1:])
    assert len(made) == made.steps(size)


def test_in_order_is_the_order_of_the_index() -> None:
    chosen = np.array([5, 3, 9, 0], dtype=np.int64)
    assert labels_of(Batches(numbered(10), chosen, 3, CPU).in_order()) == [5, 3, 9, 0]


def test_images_become_floats_from_0_to_1_with_their_labels() -> None:
    images = numbered(10)
    batch = next(Batches(images, index(4, 8), 4, CPU).in_order())
    assert batch.images.dtype == torch.float32
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    expected = torch.from_numpy(images.images[4:8].astype(np.float32) / 255)
    assert torch.allclose(batch.images, expected, atol=1e-7)


def test_a_set_without_labels_gives_none() -> None:
    batch = next(Batches(ImageSet(digits().images), index(0, 4), 4, CPU).in_order())
    assert batch.labels is None


def test_orders_follow_from_seed_and_epoch_alone() -> None:
    made = batches(40, 8, seed=1)
    first = labels_of(made.epoch(0))
    labels_of(made.epoch(5))
    assert labels_of(made.epoch(0)) == first == labels_of(batches(40, 8, seed=1).epoch(0))
    assert labels_of(made.epoch(1)) != first
    assert labels_of(batches(40, 8, seed=2).epoch(0)) != first


@pytest.mark.parametrize("start", [0, 1, 4, 5])
def test_an_epoch_can_begin_in_the_middle(start: int) -> None:
    made = batches(40, 8)
    whole = [batch.images for batch in made.epoch(2)]
    rest = [batch.images for batch in made.epoch(2, start)]
    assert len(rest) == 5 - start
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_drawing_leaves_the_callers_random_state() -> None:
    state = torch.get_rng_state()
    list(batches(40, 8).epoch(0))
    assert torch.equal(state, torch.get_rng_state())


def read_only(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    pixels = pixels.copy()
    pixels.flags.writeable = False
    return pixels


@pytest.mark.parametrize(
    "change",
    [
        read_only,
        lambda p: p[::-1].copy()[::-1],
        lambda p: np.moveaxis(np.moveaxis(p, 1, 3).copy(), 3, 1),
    ],
    ids=["read-only", "backwards", "channels-last"],
)
def test_arrays_that_torch_does_not_like(change: Any) -> None:
    images = numbered(10)
    odd = ImageSet(change(images.images), images.labels, images.class_names)
    for one, two in zip(
        Batches(odd, index(0, 10), 4, CPU).in_order(),
        Batches(images, index(0, 10), 4, CPU).in_order(),
        strict=True,
    ):
        assert torch.equal(one.images, two.images)


def test_a_memory_map_gives_the_same_batches_without_being_read_whole(tmp_path: Path) -> None:
    images = numbered(10)
    np.save(tmp_path / "x.npy", images.images)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r", allow_pickle=False)
    made = Batches(ImageSet(mapped, images.labels, images.class_names), index(0, 10), 4, CPU)
    assert not any(
        isinstance(value, torch.Tensor) and value.ndim == 4 for value in vars(made).values()
    )
    plain = Batches(images, index(0, 10), 4, CPU)
    for one, two in zip(made.epoch(3), plain.epoch(3), strict=True):
        assert torch.equal(one.images, two.images)


@given(st.integers(0, 2**40), st.integers(0, 10**9))
def test_seeds_are_63_bits_and_fixed(seed: int, place: int) -> None:
    assert 0 <= fold(seed, "order", place) < 2**63
    assert fold(seed, "order", place) == fold(seed, "order", place)


def test_every_place_and_purpose_has_a_seed_of_its_own() -> None:
    places = [(s, e, t) for s in range(5) for e in range(5) for t in range(20)]
    drawn = {fold(s, purpose, e, t) for s, e, t in places for purpose in ("dropout", "augment")}
    assert len(drawn) == 2 * len(places)
