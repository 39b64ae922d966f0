"""IDX files named one by one."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from latens.app.options import source_name
from latens.data import listed
from latens.data.load import load
from latens.errors import DataError

NAMES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)  # fmt: skip


def write(folder: Path, names: tuple[str, ...]) -> list[str]:
    rng = np.random.default_rng(0)
    for name, count in zip(names, (6, 6, 4, 4), strict=True):
        pixels = rng.integers(0, 255, (count, 5, 5), np.uint8)
        numbers = np.arange(count, dtype=np.uint8) % 3
        is_labels = names.index(name) % 2
        header = (
            struct.pack(">II", 0x801, count)
            if is_labels
            else struct.pack(">IIII", 0x803, count, 5, 5)
        )
        (folder / name).write_bytes(header + (numbers if is_labels else pixels).tobytes())
    return [str(folder / name) for name in names]


def test_four_files_are_the_set_that_their_folder_is(tmp_path: Path) -> None:
    files = write(tmp_path, NAMES)
    images = load(",".join(files))
    assert images.fingerprint == load(tmp_path).fingerprint
    assert (len(images), images.test_start, images.class_names) == (10, 6, ("0", "1", "2"))
    assert images.name == tmp_path.name
    assert listed.shortest(files) == str(tmp_path)


def test_files_of_any_name(tmp_path: Path) -> None:
    files = write(tmp_path, ("a.bin", "b.bin", "c.bin", "d.bin"))
    assert listed.shortest(files) == ",".join(files)
    assert load(", ".join(files)).test_start == 6
    two = load(",".join(files[:2]))
    assert (len(two), two.test_start) == (6, None)
    assert two.labels is not None


def test_another_folder_is_not_shortened(tmp_path: Path) -> None:
    """Where the folder would be read as other files, it does not stand for these."""
    files = write(tmp_path, NAMES)
    swapped = [files[2], files[3], files[0], files[1]]
    assert listed.shortest(swapped) == ",".join(swapped)


def test_a_spec_keeps_the_list_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write(tmp_path, ("a.bin", "b.bin", "c.bin", "d.bin"))
    monkeypatch.chdir(tmp_path)
    typed = "a.bin, b.bin"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert source_name(typed) == ",".join(files[:2])
    assert source_name("~/a.bin,~/b.bin") == ",".join(files[:2])


def test_a_path_with_a_comma_is_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "mine, yours"
    folder.mkdir()
    write(folder, NAMES)
    assert len(load(str(folder))) == 10


@pytest.mark.parametrize("count", [3, 5])
def test_another_number_of_files_is_told(tmp_path: Path, count: int) -> None:
    files = write(tmp_path, NAMES)
    with pytest.raises(DataError, match=f"got {count} files"):
        load(",".join([*files, files[0]][:count]))


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    files = write(tmp_path, ("a.bin", "b.bin", "c.bin", "d.bin"))
    with pytest.raises(DataError, match=r"there is no .*none\.bin"):
        load(f"{files[0]},{tmp_path / 'none.bin'}")
    with pytest.raises(DataError, match=r"holds labels|three axes"):
        load(f"{files[1]},{files[1]}")
    with pytest.raises(DataError, match=r"6 images and 4 labels .*d\.bin"):
        load(f"{files[0]},{files[3]}")
