"""Randomness folded in from (seed, purpose, epoch, step), so that resuming is exact.

Every draw (order of images, augmentation, dropout, initial weights) comes from a number that
follows from where it stands and from nothing that happened before.
"""

from __future__ import annotations

import zlib

import numpy as np


def fold(seed: int, purpose: str, *place: int) -> int:
    """A 63-bit seed for this purpose at this place, by NumPy's `SeedSequence`."""
    words = (seed, zlib.crc32(purpose.encode()), *place)
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
