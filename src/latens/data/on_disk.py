"""Images that lie on disk, read where they are needed and held nowhere else.

A memory map would do, but each page that it shows counts as memory of the process for as long as
the map lives, a file that is cut short meanwhile kills the process (SIGBUS), and no other thread
runs while a page is fetched. So the map stays a description of the file, and pixels are read.
"""

from __future__ import annotations

import math
import mmap
import os
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.errors import DataError

AT_ONCE = 16 << 20  # bytes of a chunk
Pixels = npt.NDArray[np.uint8]
Index = npt.NDArray[np.integer[Any]]


class Rows:
    """Images ``[N, ...]`` by number: read from their file where they are a memory map of one.

    The file is opened once, so that another one put in its place later is not read by mistake.
    Opening and reading raise `DataError` (``changed-on-disk``) if the file has gone, has become
    shorter or was replaced.
    """

    def __init__(self, images: Pixels) -> None:
        self._images = images
        self._file: int | None = None
        if not is_on_disk(images):
            return
        assert isinstance(images, np.memmap) and images.filename is not None
        self._name = os.fspath(images.filename)
        try:
            self._file = os.open(self._name, os.O_RDONLY)
        except OSError as error:
            raise self._changed(f"it cannot be opened ({error.strerror})") from error
        weakref.finalize(self, os.close, self._file)
        self._begin, self._size = _offset(images), math.prod(images.shape[1:])
        self._compare()

    def _compare(self) -> None:
        """Look whether some images are in the file as they are in the map, which knows the old one.

        Length first: what a map shows beyond the end of its file kills the process.
        """
        last = len(self) - 1
        if last < 0 or not self._size:
            return
        self.between(last, last + 1)
        some = np.array([0, last // 2, last])
        if not np.array_equal(self[some], self._images[some]):
            raise self._changed("another one is in its place")

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: Index) -> Pixels:
        """The images of these numbers, which are not negative, in their order; a new array.

        The kernel is told of all of them first, so that a disk serves many at a time: three times
        as fast as one after another where they are not in its cache (128 of 12 KB on a virtual
        SSD: 3.1 ms against 8.9).
        """
        if self._file is None:
            return np.asarray(self._images[index])
        numbers = [int(number) for number in index]
        for number in numbers:
            _announce(self._file, self._begin + number * self._size, self._size)
        out = np.empty((len(numbers), *self._images.shape[1:]), np.uint8)
        into = out.reshape(-1).data
        for place, number in enumerate(numbers):
            self._read(into[place * self._size : (place + 1) * self._size], number)
        return out

    def between(self, start: int, stop: int) -> Pixels:
        """The images from number `start` to before `stop`."""
        if self._file is None:
            return np.ascontiguousarray(self._images[start:stop])
        out = np.empty((stop - start, *self._images.shape[1:]), np.uint8)
        self._read(out.reshape(-1).data, start)
        return out

    def _read(self, into: memoryview, number: int) -> None:
        assert self._file is not None
        place, done = self._begin + number * self._size, 0
        try:
            while done < len(into):
                got = os.preadv(self._file, [into[done:]], place + done)
                if not got:
                    raise EOFError
                done += got
        except EOFError:
            missing = number + done // self._size
            raise self._changed(f"it ends before image {missing} of {len(self)}") from None
        except OSError as error:
            raise self._changed(f"it cannot be read ({error.strerror})") from error

    def _changed(self, what: str) -> DataError:
        return DataError(
            f"Expected {self._name} to stay as it was; {what}.",
            hint="Put the file back, or make it again; a training then goes on with --resume RUN.",
            code="changed-on-disk",
        )


def is_on_disk(images: npt.NDArray[Any]) -> bool:
    """Whether these are whole, consecutive images of a file that is mapped into memory.

    A map whose changes stay in memory (mode "c") is not: the file may say something else.
    """
    mapped = isinstance(images, np.memmap) and images.filename is not None and images.mode != "c"
    return mapped and images.flags.c_contiguous and hasattr(os, "preadv")


def chunks(images: Pixels) -> Iterator[tuple[int, Pixels]]:
    """All images in their order, some 16 MB at a time, each chunk with its first one's number."""
    rows = Rows(images)
    step = max(1, AT_ONCE // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        yield start, rows.between(start, min(start + step, len(images)))


def release(images: Pixels | None) -> None:
    """Count the pages of a memory map as the file's alone: what was written into them stays."""
    base: Any = None if images is None else images.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


def _offset(images: np.memmap[Any, Any]) -> int:
    """Where in its file a memory map begins; of a slice of one NumPy knows only the whole's."""
    whole: Any = images
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    return int(whole.offset + images.ctypes.data - whole.ctypes.data)


def _announce(file: int, place: int, size: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, place, size, os.POSIX_FADV_WILLNEED)
