"""Folders of pictures as people have them: mixed, odd, broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from latens.data import pictures
from latens.data.ahead import ahead
from latens.data.layout import plan
from latens.data.load import load
from latens.data.pictures import read_files
from latens.errors import DataError, UsageError


def save(path: Path, mode: str = "RGB", size: tuple[int, int] = (8, 8), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(len(path.name)).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(values).convert(mode).save(path, **options)
    return path


def test_flat_pictures_are_unlabelled(tmp_path: Path) -> None:
    for index in range(3):
        save(tmp_path / f"{index}.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    got = load(tmp_path)
    assert (len(got), got.labels, got.class_names) == (3, None, ())
    assert any("1 file of other kinds" in note for note in got.notes)
    assert not any("latens data pack" in note for note in got.notes), "three need no pack"


def test_a_large_set_is_told_of_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from latens.data import load as room

    monkeypatch.setattr(room, "WORTH_PACKING", 3)
    for index in range(3):
        save(tmp_path / f"{index}.png")
    assert any("latens data pack" in note for note in load(tmp_path).notes)


@pytest.mark.parametrize(
    ("files", "classes", "start"),
    [
        (["a.png", "b.png"], (), None),
        (["cat/a.png", "dog/b.png"], ("cat", "dog"), None),
        (["10/a.png", "9/b.png"], ("9", "10"), None),
        (["cat/a.png"], ("cat",), None),
        (["cat/x/a.png", "dog/y/b.png"], ("cat", "dog"), None),
        (["top/cat/a.png", "top/dog/b.png"], ("cat", "dog"), None),
        (["train/a.png", "test/b.png"], (), 1),
        (["train/cat/a.png", "val/cat/b.png", "test/dog/c.png"], ("cat", "dog"), 2),
        (["Train/cat/a.png", "Test/c.png"], ("cat",), 1),
        (["cat/a.png", "cover.png"], ("cat",), None),
    ],
)
def test_layouts(files: list[str], classes: tuple[str, ...], start: int | None) -> None:
    got = plan(files, "x")
    assert (got.class_names, got.test_start) == (classes, start)


def test_an_archive_of_one_folder_of_pictures_is_flat() -> None:
    assert plan(["all/a.png", "all/b.png"], "x", archive=True).class_names == ()


def test_a_test_folder_alone_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        plan(["test/cat/a.png"], "x")
    assert caught.value.code == "no-train"


def test_mixed_sizes_need_a_size(tmp_path: Path) -> None:
    save(tmp_path / "a.png", size=(8, 8))
    save(tmp_path / "b.png", size=(10, 12))
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert caught.value.code == "mixed-sizes"
    assert "8x8 and 12x10" in caught.value.message and "--size" in caught.value.hint
    got = load(tmp_path, size=(16, 9))
    assert got.shape == (3, 16, 9) and any("16x9" in note for note in got.notes)


def test_grey_stays_grey_and_one_coloured_makes_all_rgb(tmp_path: Path) -> None:
    grey = save(tmp_path / "a.png", "L")
    save(tmp_path / "b.png", "L")
    assert load(tmp_path).shape[0] == 1
    save(tmp_path / "c.png", "RGB")
    got = load(tmp_path)
    assert got.shape[0] == 3 and any("Colour modes differ" in note for note in got.notes)
    assert np.array_equal(got.images[0, 0], np.asarray(Image.open(grey)))
    assert load(tmp_path, channels=1).shape[0] == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_every_colour_mode_in_every_number_of_channels(
    mode: str, channels: int | None, tmp_path: Path
) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 0x80FF, np.uint16)).save(path)
    else:
        save(path, mode)
    got = load(tmp_path, channels=channels)
    grey = mode in ("1", "L", "LA", "I;16")
    assert got.shape == (channels or (1 if grey else 3), 8, 8)
    if mode == "I;16":
        assert (got.images[:, 0] == 0x80).all() and any("8 bits" in note for note in got.notes)


def test_transparent_pictures_are_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (10, 20, 30, 0)).save(tmp_path / "a.png")
    got = load(tmp_path)
    assert (got.images == 255).all() and any("white" in note for note in got.notes)
    assert (load(tmp_path, channels=4).images[0, 3] == 0).all()


def test_pictures_are_turned_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (12, 8))
    exif = picture.getexif()
    exif[0x0112] = 6  # stored lying on its side
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert load(tmp_path).shape == (3, 12, 8)


def test_few_unreadable_pictures_are_skipped_many_refused(tmp_path: Path) -> None:
    for index in range(20):
        save(tmp_path / "cat" / f"{index:02}.png")
        save(tmp_path / "dog" / f"{index:02}.png")
    (tmp_path / "cat" / "05.png").write_bytes(b"no picture")
    got = load(tmp_path)
    assert got.skipped == ("cat/05.png",) and len(got) == 39
    assert got.labels is not None and got.labels.tolist() == [0] * 19 + [1] * 20
    assert any("1 unreadable picture skipped" in note for note in got.notes)
    for index in range(10):
        (tmp_path / "cat" / f"{index:02}.png").write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert caught.value.code == "unreadable-images" and "10 of 40" in caught.value.message


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png", size=(40, 40))
    monkeypatch.setattr("latens.data.pictures.PIXEL_LIMIT", 1000)
    with pytest.raises(DataError, match=r"a\.png has more") as caught:
        load(tmp_path)
    assert caught.value.code == "picture-too-large"


def test_single_files_come_in_the_order_given(tmp_path: Path) -> None:
    paths = [save(tmp_path / name, size=(8, 8)) for name in ("bbb.png", "a.png")]
    got = read_files(paths, size=None, channels=None)
    assert np.array_equal(got[0], np.asarray(Image.open(paths[0])).transpose(2, 0, 1))
    paths.append(tmp_path / "none.png")
    with pytest.raises(DataError, match=r"none\.png"):
        read_files(paths, size=None, channels=None)


@pytest.mark.parametrize(
    ("side", "size", "alone"), [(64, None, True), (65, None, False), (32, (16, 16), False)]
)
def test_small_pictures_are_decoded_by_one_thread(
    side: int, size: tuple[int, int] | None, alone: bool,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    chosen, handed = [], []

    def watched(work: Any, items: Any, count: int, *, threads: int) -> Any:
        chunks = list(items)
        chosen.append(threads)
        handed.append(sum(map(len, chunks)))
        return ahead(work, chunks, count, threads=threads)

    monkeypatch.setattr(pictures, "ahead", watched)
    monkeypatch.setattr(pictures.os, "cpu_count", lambda: 3)
    monkeypatch.setattr(pictures, "CHUNK", 2)
    paths = [save(tmp_path / f"{n}.png", size=(side, side)) for n in range(7)]
    assert len(read_files(paths, size=size, channels=None)) == 7
    assert chosen == [1 if alone else 3]
    assert handed == [7 if size else 6], "no more than one is decoded to see how large they are"


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    for index in range(70):
        save(tmp_path / f"{index}.png")
    told: list[tuple[str, int, int]] = []
    load(tmp_path, progress=lambda *said: told.append(said))
    assert told == [("decoding", 64, 70), ("decoding", 70, 70)]


def test_impossible_requests(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="channels; got 5"):
        load(tmp_path, channels=5)
    with pytest.raises(UsageError, match="got 0x3"):
        load(tmp_path, size=(0, 3))
