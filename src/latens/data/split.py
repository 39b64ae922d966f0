"""Which images train, validate and test; drawn once, stored with the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latens.data.duplicates import groups
from latens.data.image_set import UNLABELLED, ImageSet
from latens.errors import DataError, UsageError

Indices = npt.NDArray[np.int64]
_TEST, _VALIDATION, _LABELS = 0, 1, 2  # one random stream for each decision


@dataclass(frozen=True, eq=False)
class Split:
    """Sorted int64 indices into an image set; `train`, `val` and `test` share none.

    Attributes:
        train: images to learn from.
        val: images to choose by; may be empty.
        test: images that only an evaluation reads.
        labelled: the part of `train` whose labels may be used.
    """

    train: Indices
    val: Indices
    test: Indices
    labelled: Indices


def draw(
    images: ImageSet,
    *,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    labels: int | None = None,
    seed: int,
    split_seed: int = 0,
) -> Split:
    """Draw a split, stratified over the classes where there are labels.

    The official test part is taken where there is one; else `split_seed` alone decides the test
    part, so that all seeds of a study share it, and byte-equal images stay together on one side.
    `seed` decides validation and which `labels` training labels are used: for one seed, fewer
    labels are always among more. Raises `DataError` where a class is too small for every part.
    """
    _check_fractions(val_fraction, test_fraction)
    strata = np.zeros(len(images), np.int64) if images.labels is None else images.labels
    rest, test = _test_part(images, strata, test_fraction, split_seed)
    rng = np.random.default_rng((seed, _VALIDATION))
    val = _take(rest, strata, np.arange(len(images)), val_fraction, rng, images, "validation")
    train = np.setdiff1d(rest, val)
    labelled = train if images.labels is None else train[strata[train] != UNLABELLED]
    if labels is not None:
        rng = np.random.default_rng((seed, _LABELS))
        labelled = _budget(labelled, images, labels, rng)
    return Split(train, val, test, labelled)


def require_classes(images: ImageSet) -> None:
    """Raise `DataError` unless training images of at least two classes are labelled."""
    train = None if images.labels is None else images.labels[: images.train_count]
    found = [] if train is None else np.unique(train[train != UNLABELLED]).tolist()
    if not found:
        raise DataError(
            f"Expected labelled images to classify; {images.name} has no labels.",
            hint="Put the pictures of each class into a folder of its own.",
            code="unlabelled",
        )
    if len(found) < 2:
        raise DataError(
            f"Expected at least two classes to classify; {images.name} has only "
            f"{images.class_names[found[0]]}.",
            hint="Add images of another class, or only pretrain on these.",
            code="single-class",
        )


def _check_fractions(val: float, test: float) -> None:
    for name, value in (("validation", val), ("test", test)):
        if not 0 <= value < 1:
            raise UsageError(
                f"Expected a {name} fraction of at least 0 and below 1; got {value}.",
                hint="For example 0.1.",
                code="bad-fraction",
            )


def _test_part(
    images: ImageSet, strata: Indices, fraction: float, split_seed: int
) -> tuple[Indices, Indices]:
    every = np.arange(len(images))
    if images.test_start is not None:
        return every[: images.test_start], every[images.test_start :]
    rng = np.random.default_rng((split_seed, _TEST))
    test = _take(every, strata, groups(images.hashes), fraction, rng, images, "test")
    return np.setdiff1d(every, test), test


def _take(
    indices: Indices,
    strata: Indices,
    group: Indices,
    fraction: float,
    rng: np.random.Generator,
    images: ImageSet,
    part: str,
) -> Indices:
    """A `fraction` of `indices` from each stratum, whole groups, at least one and never all."""
    if not fraction:
        return indices[:0]
    home = strata[group[indices]]  # a group that has two labels goes with its first image's
    taken: list[Indices] = []
    for stratum in np.unique(home):
        members = indices[home == stratum]
        first, counts = np.unique(group[members], return_counts=True)
        if len(first) < 2:
            if stratum == UNLABELLED and np.ptp(home):  # the classes fill this part
                continue
            raise _too_few(images, int(stratum), part)
        order = rng.permutation(len(first))
        total = np.cumsum(counts[order])
        wanted = int(np.searchsorted(total, round(fraction * len(members)), side="right"))
        chosen = first[order[: min(max(wanted, 1), len(first) - 1)]]
        taken.append(members[np.isin(group[members], chosen)])
    return np.sort(np.concatenate(taken))


def _budget(labelled: Indices, images: ImageSet, count: int, rng: np.random.Generator) -> Indices:
    """`count` of the labelled, in proportion to the classes, nested for growing `count`.

    All are put in one order of which every prefix is stratified: the k-th image (from 0) of a
    class with n stands at (k + 1/2) / n, and the first of each class before all others.
    """
    assert images.labels is not None or not len(labelled)
    values = np.zeros(0, np.int64) if images.labels is None else images.labels[labelled]
    classes = np.unique(values)
    least, most = max(len(classes), 1), len(labelled)
    if not least <= count <= most:
        few = f"Use --labels {least} or more: a classifier needs one of each class."
        raise UsageError(
            f"Expected {least} (one a class) to {most} labels; got {count}.",
            hint=few if count < least else f"Use --labels all for all {most} of {images.name}.",
            code="bad-budget",
        )
    place = np.empty(len(labelled))
    for value in classes:
        members = rng.permutation(np.flatnonzero(values == value))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
        place[members[0]] = -1
    order = np.lexsort((rng.permutation(len(labelled)), place))
    return np.sort(labelled[order[:count]])


def _too_few(images: ImageSet, stratum: int, part: str) -> DataError:
    named = images.labels is not None and stratum != UNLABELLED
    what = f"class {images.class_names[stratum]}" if named else "unlabelled images"
    without = ", or have no test part (--set data.test_fraction=0)" if part == "test" else ""
    return DataError(
        f"Expected different images of each class for every part (training, validation, test); got "
        f"too few of {images.name} ({what}) for the {part} part.",
        hint=f"Add images{', or take the class out' if named else ''}{without}.",
        code="too-few-images",
    )
