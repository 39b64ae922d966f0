"""Arrays, conversion, and classes thinned on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latens.data.convert import convert
from latens.data.image_set import ImageSet
from latens.data.load import load
from latens.data.subset import keep, parse_keep
from latens.errors import DataError, LatensError, UsageError

IMAGES = np.random.default_rng(1).integers(0, 256, (6, 8, 9), np.uint8)


def test_layouts_of_arrays() -> None:
    assert load(IMAGES).images.shape == (6, 1, 8, 9)
    colour = np.stack([IMAGES] * 3, axis=-1)
    last = load(colour)
    assert last.shape == (3, 8, 9) and "channels last" in last.notes[0]
    assert np.array_equal(load(colour.transpose(0, 3, 1, 2)).images, last.images)


@given(arrays(np.uint8, (2, 3, 5)))
def test_floats_and_bytes_mean_the_same(images: np.ndarray) -> None:
    wanted = load(images).images
    assert np.array_equal(load(images.astype(np.float64) / 255).images, wanted)
    assert np.array_equal(load((images / 255).astype(np.float32)).images, wanted)
    if images.max() <= 255:
        assert np.array_equal(load(images.astype(np.int64)).images, wanted)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (np.zeros((4, 64)), "not-images"),
        (np.zeros((4, 3, 4, 3)), "ambiguous-layout"),
        (np.zeros((4, 5, 6, 7)), "bad-channels"),
        (np.full((4, 8, 8), 1.5), "bad-range"),
        (np.full((4, 8, 8), np.nan), "not-finite"),
        (np.full((4, 8, 8), np.inf, np.float32), "not-finite"),
        (np.full((4, 8, 8), 256), "bad-range"),
        (np.full((4, 8, 8), "x"), "not-images"),
        (np.zeros((0, 8, 8), np.uint8), "no-images"),
        ((IMAGES, [0, 1]), "counts-disagree"),
        ((IMAGES, np.eye(6)), "bad-labels"),
        ((IMAGES, None, None), "bad-tuple"),
        (((IMAGES, None), (IMAGES[:, :4], None)), "shapes-disagree"),
    ],
)
def test_what_is_ambiguous_or_wrong_is_told(data: object, code: str) -> None:
    with pytest.raises(DataError) as caught:
        load(data)
    assert caught.value.code == code and caught.value.hint


def test_labels_become_numbers_from_zero() -> None:
    named = load((IMAGES, ["b", "a", "b", "a", "a", "b"]))
    assert named.labels is not None and named.labels.tolist() == [1, 0, 1, 0, 0, 1]
    numbered = load((IMAGES, np.array([[3], [7], [3], [-1], [7], [7]])))
    assert numbered.class_names == ("3", "7")
    assert numbered.labels is not None and numbered.labels.tolist() == [0, 1, 0, -1, 1, 1]


def test_a_pair_of_pairs_has_a_test_part() -> None:
    got = load(((IMAGES[:4], [0, 1, 0, 1]), (IMAGES[4:], [1, 1])))
    assert got.test_start == 4 and np.array_equal(got.images[:, 0], IMAGES)
    assert got.labels is not None and got.labels.tolist() == [0, 1, 0, 1, 1, 1]


@pytest.mark.parametrize("had", [1, 2, 3, 4])
@pytest.mark.parametrize("want", [1, 2, 3, 4])
def test_conversion_gives_what_was_asked_and_says_so(had: int, want: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, had, 8, 8), np.uint8)
    out, note = convert(images, (5, 7), want)
    assert out.shape == (3, want, 5, 7) and "8x8 to 5x7" in note
    same, silence = convert(images, (8, 8), had)
    assert same is images and silence == ""


def test_grey_to_rgb_and_back_is_the_identity() -> None:
    grey = IMAGES[:, None]
    assert np.array_equal(convert(convert(grey, None, 3)[0], None, 1)[0], grey)


def test_keep_touches_training_images_of_the_class_only() -> None:
    images = np.arange(30, dtype=np.uint8)[:, None, None, None]
    labels = np.tile([0, 1, 2], 10)
    whole = ImageSet(images, labels, ("a", "b", "c"), test_start=21)
    few = keep(whole, {"b": 3})
    assert few.test_start == 17 and len(few) == 26 and few.labels is not None
    assert np.bincount(few.labels[:17]).tolist() == [7, 3, 7]
    assert np.array_equal(few.images[17:], images[21:])
    fewer = set(keep(whole, {"b": 2}).images.ravel().tolist())
    assert fewer < set(few.images.ravel().tolist())
    for wrong in ({"b": 8}, {"b": 0}, {"d": 1}):
        with pytest.raises(UsageError):
            keep(whole, wrong)
    with pytest.raises(DataError):
        keep(load(IMAGES), {"b": 1})


@given(st.dictionaries(st.sampled_from(["cat", "a=b", "grey wolf"]), st.integers(0, 9), min_size=1))
def test_parse_keep_round_trips(counts: dict[str, int]) -> None:
    assert parse_keep(",".join(f"{name}={count}" for name, count in counts.items())) == counts


@pytest.mark.parametrize("text", ["", "bird", "bird=", "=5", "bird=x", "bird=-1", "bird=5,,"])
def test_parse_keep_refuses(text: str) -> None:
    with pytest.raises(LatensError, match="CLASS=COUNT"):
        parse_keep(text)
