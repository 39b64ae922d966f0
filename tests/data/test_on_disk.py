"""Images on disk: read as they lie there, in bounded memory, and errors in one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from latens.data.image_set import ImageSet
from latens.data.on_disk import AT_ONCE, Rows, chunks, is_on_disk, release
from latens.errors import DataError

Pixels = npt.NDArray[np.uint8]


def stored(folder: Path, count: int = 20, shape: tuple[int, ...] = (3, 5, 4)) -> Pixels:
    """Random images, mapped from a file."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    np.save(folder / "x.npy", pixels)
    mapped: Pixels = np.load(folder / "x.npy", mmap_mode="r", allow_pickle=False)
    return mapped


VIEWS: dict[str, Callable[[Pixels], Pixels]] = {
    "whole": lambda x: x,
    "from the middle": lambda x: x[7:],
    "a part of a part": lambda x: x[2:][3:9],
    "with an axis": lambda x: x[:, None, 0:1].reshape(len(x), 1, 5, 4),
    "channels moved": lambda x: x.transpose(0, 2, 3, 1),
    "every second": lambda x: x[::2],
    "in memory": lambda x: np.array(x),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_rows_are_those_of_the_array(view: Callable[[Pixels], Pixels], tmp_path: Path) -> None:
    images = view(stored(tmp_path))
    rows, index = Rows(images), np.array([4, 0, 4, 2])
    assert np.array_equal(rows[index], images[index])
    assert np.array_equal(rows.between(1, 5), images[1:5])
    assert len(rows) == len(images)
    assert rows[index[:0]].shape == (0, *images.shape[1:])


def test_what_is_read_and_what_is_mapped(tmp_path: Path) -> None:
    mapped = stored(tmp_path)
    assert is_on_disk(mapped) and is_on_disk(mapped[3:])
    assert not is_on_disk(np.array(mapped)) and not is_on_disk(mapped[::2])
    assert not is_on_disk(np.empty_like(mapped))  # NumPy calls it a memory map, of no file


def test_a_map_whose_changes_stay_in_memory_is_not_read_from_its_file(tmp_path: Path) -> None:
    stored(tmp_path)
    private = np.load(tmp_path / "x.npy", mmap_mode="c", allow_pickle=False)
    private[2] = 7
    assert not is_on_disk(private)
    assert (Rows(private)[np.array([2])] == 7).all()


def test_a_file_that_was_replaced_is_told(tmp_path: Path) -> None:
    mapped = stored(tmp_path)
    np.save(tmp_path / "other.npy", np.zeros_like(mapped))
    (tmp_path / "other.npy").replace(tmp_path / "x.npy")
    with pytest.raises(DataError, match="another one is in its place") as caught:
        Rows(mapped)
    assert caught.value.code == "changed-on-disk"


def test_what_is_read_belongs_to_the_caller(tmp_path: Path) -> None:
    mapped = stored(tmp_path)
    read = Rows(mapped)[np.array([3])]
    read += 1
    assert not np.array_equal(read[0], mapped[3])


def test_chunks_hold_every_image_once_in_order(tmp_path: Path) -> None:
    mapped = stored(tmp_path, 40, (1, 1024, 512))
    found = list(chunks(mapped))
    assert len(found) > 1 and all(chunk.nbytes <= AT_ONCE for _, chunk in found)
    starts = np.cumsum([0, *(len(chunk) for _, chunk in found)])
    assert [start for start, _ in found] == starts[:-1].tolist()
    assert np.array_equal(np.concatenate([chunk for _, chunk in found]), mapped)


def test_a_large_image_is_a_chunk_by_itself() -> None:
    images = np.zeros((2, 1, 1, AT_ONCE + 1), np.uint8)
    assert [len(chunk) for _, chunk in chunks(images)] == [1, 1]


def test_a_file_that_was_cut_short_is_told(tmp_path: Path) -> None:
    rows = Rows(stored(tmp_path))
    os.truncate(tmp_path / "x.npy", 128 + 10 * 60 + 5)
    assert len(rows[np.arange(10)]) == 10
    with pytest.raises(DataError, match="ends before image 10 of 20") as caught:
        rows[np.array([3, 10])]
    assert caught.value.code == "changed-on-disk"
    with pytest.raises(DataError, match="ends before image 10"):
        rows.between(0, 20)


def test_a_file_that_is_gone_is_told_and_one_in_its_place_not_read(tmp_path: Path) -> None:
    mapped = stored(tmp_path)
    rows = Rows(mapped)
    before = rows.between(0, 20)
    (tmp_path / "x.npy").unlink()
    with pytest.raises(DataError, match="cannot be opened") as caught:
        Rows(mapped)
    assert caught.value.code == "changed-on-disk"
    np.save(tmp_path / "x.npy", np.zeros((20, 3, 5, 4), np.uint8))
    assert np.array_equal(rows.between(0, 20), before)


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> int:
        raise OSError(5, "Input/output error")

    rows = Rows(stored(tmp_path))
    monkeypatch.setattr(os, "preadv", fails)
    with pytest.raises(DataError, match=r"cannot be read \(Input/output error\)"):
        rows[np.array([1])]


def test_a_read_may_come_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, into, at: whole(file, [into[0][:7]], at))
    mapped = stored(tmp_path)
    assert np.array_equal(Rows(mapped)[np.array([5, 1])], mapped[[5, 1]])


def test_released_pages_keep_what_was_written(tmp_path: Path) -> None:
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (50, 100))
    mapped[:] = 7
    release(mapped)
    release(mapped[3:])
    release(np.zeros(3, np.uint8))
    release(None)
    assert (mapped == 7).all() and (np.load(tmp_path / "x.npy", allow_pickle=False) == 7).all()


def resident() -> int:
    """Bytes of memory that this process holds now, mapped files included."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux")
def test_reading_a_large_set_takes_no_more_memory_than_a_part(tmp_path: Path) -> None:
    count, size = 12_000, 8192  # 98 MB
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (count, 2, 64, 64))
    images = ImageSet(mapped)
    before, most = resident(), 0
    rows = Rows(images.images)
    for start in range(0, count, 128):
        rows[np.arange(start, min(start + 128, count))]
        most = max(most, resident())
    images.read_again(lambda *_: None)
    most = max(most, resident())
    assert most - before < count * size / 2
