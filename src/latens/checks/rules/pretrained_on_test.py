"""An encoder that has seen the test images, even without labels, was not tested on new ones."""

from __future__ import annotations

import numpy as np

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `images`, `test_index`, `pretrain_index`, and `pretrain_fingerprint` or the set itself.

    Pretrained on the same set (by fingerprint), the two splits are compared; on another set, that
    set's images are compared with the test images byte for byte.
    """
    seen = _seen(context)
    if not seen or context.test_index is None:
        return None
    return Finding(
        "pretrained-on-test",
        "error",
        f"The encoder was pretrained on {seen} of the {len(context.test_index)} test images, so "
        "the test accuracy is not that of new images. Pretrain again with this run's split.",
    )


def comparable(context: Context) -> bool:
    """Whether it can be known which of the test images the pretraining used."""
    images, other = context.images, context.pretrain_images
    if images is None or context.pretrain_index is None:
        return False
    if _same_set(context):
        return True
    return other is not None and other.shape == images.shape


def _same_set(context: Context) -> bool:
    images = context.images
    assert images is not None
    known = context.pretrain_fingerprint is not None
    same = known and context.pretrain_fingerprint == images.fingerprint
    return same or context.pretrain_images is images


def _seen(context: Context) -> int:
    """How many test images the pretraining used; 0 also where that cannot be known."""
    images, test, before = context.images, context.test_index, context.pretrain_index
    if images is None or test is None or before is None or not comparable(context):
        return 0
    if _same_set(context):
        return int(np.isin(test, before).sum())
    assert context.pretrain_images is not None
    known = context.pretrain_images.hashes[before]
    return int(np.isin(images.hashes[test], known).sum())
