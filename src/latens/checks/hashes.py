"""Which images are the same, byte for byte."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.data.image_set import ImageSet


def image_hashes(images: ImageSet, index: npt.NDArray[np.integer[Any]]) -> list[bytes]:
    """A 16-byte blake2b digest for each image of `index` [n], in its order.

    The shape is hashed too, so that images of another size never count as the same. One image is
    read at a time; 60,000 of MNIST's take about 0.1 s.
    """
    shape = str(images.shape).encode()
    return [
        hashlib.blake2b(
            np.ascontiguousarray(images.images[i]).data, digest_size=16, key=shape
        ).digest()
        for i in index
    ]
