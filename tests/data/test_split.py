"""The promises of a split: disjoint, stratified, seeded, nested, no twin across parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latens.data.image_set import ImageSet
from latens.data.split import draw, require_classes
from latens.errors import DataError, UsageError


def image_set(labels: np.ndarray | None, count: int, **more: object) -> ImageSet:
    numbers = np.arange(count, dtype=np.uint32)
    images = numbers.view(np.uint8).reshape(count, 1, 2, 2).copy()
    names = () if labels is None else tuple(f"c{n}" for n in range(int(labels.max()) + 1))
    return ImageSet(images, labels, names, **more)  # type: ignore[arg-type]


@given(
    st.lists(st.integers(0, 2), min_size=20, max_size=80),
    st.integers(0, 5),
    st.floats(0.05, 0.5),
    st.floats(0.05, 0.5),
)
def test_parts_share_nothing_and_every_class_is_in_each(
    drawn: list[int], seed: int, val: float, test: float
) -> None:
    labels = np.array([*drawn, *([0, 1, 2] * 6)])
    split = draw(image_set(labels, len(labels)), val_fraction=val, test_fraction=test, seed=seed)
    together = np.sort(np.concatenate([split.train, split.val, split.test]))
    assert np.array_equal(together, np.arange(len(labels)))
    for part in (split.train, split.val, split.test):
        assert set(labels[part]) == {0, 1, 2} and part.dtype == np.int64
        assert np.array_equal(part, np.sort(part))


def test_each_seed_decides_its_own_part() -> None:
    images = image_set(np.tile([0, 1], 50), 100)
    one, again, other = draw(images, seed=1), draw(images, seed=1), draw(images, seed=2)
    assert all(
        np.array_equal(getattr(one, part), getattr(again, part))
        for part in ("train", "val", "test", "labelled")
    )
    assert np.array_equal(one.test, other.test) and not np.array_equal(one.val, other.val)
    assert not np.array_equal(one.test, draw(images, seed=1, split_seed=1).test)


def test_the_official_test_part_is_taken() -> None:
    split = draw(image_set(np.tile([0, 1], 50), 100, test_start=70), seed=0)
    assert split.test.tolist() == list(range(70, 100))
    assert len(split.val) == pytest.approx(7, abs=1)


def test_twins_are_not_separated_from_the_test_part() -> None:
    images = image_set(np.tile([0, 1], 100), 200)
    images.images[:] = images.images[np.arange(200) % 40]
    for split_seed in range(5):
        split = draw(images, seed=0, split_seed=split_seed)
        rows = images.images.reshape(200, -1)
        test = {row.tobytes() for row in rows[split.test]}
        rest = {row.tobytes() for row in rows[np.concatenate([split.train, split.val])]}
        assert test and not test & rest


@given(st.integers(0, 9), st.integers(3, 60), st.integers(3, 60))
def test_label_budgets_are_nested_and_reach_each_class(seed: int, first: int, other: int) -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    images = image_set(labels, 100)
    few, many = sorted((first, other))
    small = draw(images, labels=few, seed=seed)
    large = draw(images, labels=many, seed=seed)
    assert (len(small.labelled), len(large.labelled)) == (few, many)
    assert set(small.labelled) <= set(large.labelled) <= set(large.train)
    assert set(labels[small.labelled]) == {0, 1, 2}
    share = np.bincount(labels[large.labelled], minlength=3) / many
    assert np.abs(share - [0.6, 0.3, 0.1]).max() <= 2.5 / many


def test_unlabelled_images_train_but_are_not_counted_as_labelled() -> None:
    labels = np.tile([0, 1, -1], 20)
    split = draw(image_set(labels, 60), seed=0)
    assert set(labels[split.labelled]) == {0, 1} and -1 in labels[split.train]
    assert len(draw(image_set(None, 60), seed=0).test) == 12


def test_what_cannot_be_drawn_is_told() -> None:
    images = image_set(np.array([0] * 10 + [1] * 2), 12)
    with pytest.raises(DataError, match="c1") as caught:
        draw(images, seed=0)
    assert caught.value.code == "too-few-images"
    for labels in (1, 0, 1000):
        with pytest.raises(UsageError) as wrong:
            draw(image_set(np.tile([0, 1], 20), 40), labels=labels, seed=0)
        assert wrong.value.code == "bad-budget"
        assert str(wrong.value.hint).startswith("Use --labels " + ("all" if labels > 2 else "2 or"))
    with pytest.raises(UsageError, match="fraction"):
        draw(images, val_fraction=1.0, seed=0)


def test_classes_are_required() -> None:
    require_classes(image_set(np.tile([0, 1], 5), 10))
    for labels, code in ((None, "unlabelled"), (np.zeros(10, np.int64), "single-class")):
        with pytest.raises(DataError) as caught:
            require_classes(image_set(labels, 10))
        assert caught.value.code == code


def test_a_few_unlabelled_images_stay_in_training() -> None:
    """They are too few for every part, which is no reason to refuse the labelled ones."""
    labels = np.array([0, 1] * 10 + [-1])
    split = draw(image_set(labels, len(labels)), seed=0)
    assert 20 in split.train and 20 not in split.labelled
    assert len(split.val) and len(split.test)
