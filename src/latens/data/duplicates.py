"""Byte-equal images."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from latens.data.convert import Pixels
from latens.progress import Progress, silent

_CHUNK = 4096


def groups(images: Pixels, progress: Progress = silent) -> npt.NDArray[np.int64]:
    """int64 ``[N]``: for each image the index of the first one with the same bytes.

    Images of one shape; a memory map is read in chunks. Two different images would need the same
    128-bit BLAKE2b hash to be taken for one.
    """
    first: dict[bytes, int] = {}
    out = np.empty(len(images), np.int64)
    for start in range(0, len(images), _CHUNK):
        chunk = np.ascontiguousarray(images[start : start + _CHUNK]).reshape(-1)
        rows = chunk.data
        width = len(rows) // min(_CHUNK, len(images) - start)
        for index in range(start, min(start + _CHUNK, len(images))):
            row = rows[(index - start) * width : (index - start + 1) * width]
            digest = hashlib.blake2b(row, digest_size=16).digest()
            out[index] = first.setdefault(digest, index)
        progress("looking for duplicates", min(start + _CHUNK, len(images)), len(images))
    return out
