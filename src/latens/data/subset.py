"""Make an imbalanced set on purpose: keep so many training images of a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from latens.data.image_set import ImageSet
from latens.errors import DataError, UsageError, unknown_name


def parse_keep(text: str) -> dict[str, int]:
    """``"bird=2500,deer=2500"`` as ``{"bird": 2500, "deer": 2500}``; `UsageError` if it is not."""
    counts = {}
    for part in text.split(","):
        name, _, count = part.rpartition("=")
        if not name.strip() or not count.strip().isdecimal():
            raise UsageError(
                f"Expected CLASS=COUNT, separated by commas; got {part!r}.",
                hint="For example --keep bird=2500,deer=2500.",
                code="bad-keep",
            )
        counts[name.strip()] = int(count)
    return counts


def keep(images: ImageSet, counts: Mapping[str, int], *, seed: int = 0) -> ImageSet:
    """`images` with only so many training images of each class named in `counts`.

    Which ones follows from `seed` alone, and fewer are always among more. The official test part
    is untouched; a set without one is thinned as a whole, before its test part is drawn.
    Raises `UsageError` for an unknown class or a count that cannot be kept.
    """
    if images.labels is None:
        raise DataError(
            f"Expected labels, to keep images by class; {images.name} has none.",
            hint="Leave out --keep, or use labelled data.",
            code="unlabelled",
        )
    chosen = np.ones(len(images), bool)
    for name, count in counts.items():
        if name not in images.class_names:
            raise unknown_name("class", name, images.class_names)
        number = images.class_names.index(name)
        members = np.flatnonzero(images.labels[: images.train_count] == number)
        _check(name, count, len(members))
        order = np.random.default_rng((seed, number)).permutation(members)
        chosen[order[count:]] = False
    return _thinned(images, chosen, counts)


def _check(name: str, count: int, available: int) -> None:
    if not 1 <= count <= available:
        raise UsageError(
            f"Expected to keep 1 to {available} training images of {name}; got {count}.",
            hint=f"Use --keep {name}={available} or less.",
            code="bad-keep",
        )


def _thinned(images: ImageSet, chosen: np.ndarray, counts: Mapping[str, int]) -> ImageSet:
    assert images.labels is not None
    start = None if images.test_start is None else int(chosen[: images.test_start].sum())
    kept = ", ".join(f"{name} {count}" for name, count in counts.items())
    part = "training images" if start is not None else "images, test part included"
    return replace(
        images,
        images=images.images[chosen],
        labels=images.labels[chosen],
        test_start=start,
        notes=(*images.notes, f"Kept only some {part}: {kept}."),
    )
