"""Byte-equal images, known by the 128-bit BLAKE2b hashes of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from latens.data.ahead import ahead
from latens.data.on_disk import Pixels, chunks
from latens.progress import Progress, silent

Hashes = npt.NDArray[np.void]
SIZE = 16  # bytes of a hash
_THREADS = 2  # hashlib lets go of the interpreter, but only for images of more than 2 KB


def hashes(
    images: Pixels,
    progress: Progress = silent,
    also: Callable[[Pixels], object] | None = None,
) -> Hashes:
    """A hash of each image's bytes, ``[N]`` of 16 bytes each; what lies on disk is read in chunks.

    Images of one shape: those of another shape may have the same bytes. Two different images would
    need the same hash to be taken for one. `also` is shown the chunks in their order, meanwhile.
    """
    found = np.empty((len(images), SIZE), np.uint8)
    done, each = 0, (chunk for _, chunk in chunks(images))
    for chunk, part in ahead(_hashed, each, _THREADS, threads=_THREADS):
        if also:
            also(chunk)
        found[done : done + len(part)] = part
        done += len(part)
        progress("reading all images", done, len(images))
    return as_hashes(found)


def as_hashes(stored: npt.NDArray[np.uint8]) -> Hashes:
    """Hashes from their bytes, uint8 ``[N, 16]``."""
    return np.ascontiguousarray(stored).view(f"V{SIZE}")[:, 0]


def groups(known: Hashes) -> npt.NDArray[np.int64]:
    """int64 ``[N]``: for each image the index of the first one with the same hash."""
    _, first, group = np.unique(known, return_index=True, return_inverse=True)
    return np.asarray(first[group], np.int64)


def _hashed(chunk: Pixels) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Contiguous images ``[n, ...]``, and the bytes of their hashes ``[n, 16]``."""
    rows = chunk.reshape(len(chunk), -1)
    digests = b"".join(hashlib.blake2b(row.data, digest_size=SIZE).digest() for row in rows)
    return chunk, np.frombuffer(digests, np.uint8).reshape(-1, SIZE)
