"""Packs: whole or not there, mapped and not loaded, damage detected."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latens.data.check import check
from latens.data.image_set import ImageSet
from latens.data.load import load
from latens.data.pack import pack
from latens.errors import DataError


def pictures(folder: Path, count: int = 30) -> Path:
    for index in range(count):
        place = folder / ("cat" if index % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (index, 0, 0)).save(place / f"{index:03}.png")
    return folder


def test_pictures_are_decoded_straight_to_disk(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in")
    out = pack(folder, tmp_path / "in.pack")
    got, wanted = load(out), load(folder)
    assert isinstance(got.images, np.memmap) and not got.images.flags.writeable
    assert got.fingerprint == wanted.fingerprint == ImageSet.fingerprint.func(got)  # type: ignore[attr-defined]
    assert not any("data pack" in note for note in got.notes)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", "in.pack"]


def test_unreadable_pictures_leave_no_gap(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in")
    (folder / "cat" / "001.png").write_bytes(b"x")
    got = load(pack(folder, tmp_path / "in.pack"))
    assert len(got) == 29 and got.skipped == ("cat/001.png",)
    assert np.array_equal(got.images, load(folder).images)


def test_size_and_channels_are_packed(tmp_path: Path) -> None:
    out = pack(pictures(tmp_path / "in"), tmp_path / "p", size=(4, 5), channels=1)
    assert load(out).shape == (1, 4, 5)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError) as caught:
        pack(pictures(tmp_path / "in"), tmp_path / "there")
    assert caught.value.code == "exists"


@pytest.mark.parametrize("where", [(np, "save"), (os, "posix_fallocate")])
def test_a_full_disk_leaves_nothing(
    where: tuple[object, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    folder = pictures(tmp_path / "in")
    monkeypatch.setattr(*where, full)
    with pytest.raises(DataError, match="No space left") as caught:
        pack(folder, tmp_path / "out.pack")
    assert caught.value.code == "cannot-write"
    assert [file.name for file in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    "damage", ["no meta", "no labels", "short", "long", "newer", "other shape"]
)
def test_damage_is_told(damage: str, tmp_path: Path) -> None:
    out = pack(pictures(tmp_path / "in"), tmp_path / "in.pack")
    meta, images = out / "meta.json", out / "images.npy"
    if damage == "no meta":
        meta.unlink()
    elif damage == "no labels":
        (out / "labels.npy").unlink()
    elif damage == "short":
        images.write_bytes(images.read_bytes()[:-1])
    elif damage == "long":
        images.write_bytes(images.read_bytes() + b"x")
    else:
        said = json.loads(meta.read_text())
        said |= {"version": 99} if damage == "newer" else {"shape": [1, 3, 8, 8]}
        meta.write_text(json.dumps(said))
    with pytest.raises(DataError) as caught:
        load(out)
    assert caught.value.code == ("newer-pack" if damage == "newer" else "broken-pack")


def test_a_pack_knows_its_hashes_and_an_older_one_works_them_out(tmp_path: Path) -> None:
    out = pack(pictures(tmp_path / "in"), tmp_path / "in.pack")
    got = load(out)
    assert "hashes" in vars(got)
    assert np.array_equal(got.hashes, got.read_again().hashes)
    (out / "hashes.npy").unlink()
    older = load(out)
    assert "hashes" not in vars(older) and np.array_equal(older.hashes, got.hashes)


@pytest.mark.parametrize("file", ["images.npy", "hashes.npy"])
def test_check_believes_pixels_alone(file: str, tmp_path: Path) -> None:
    out = pack(pictures(tmp_path / "in"), tmp_path / "in.pack")
    assert not any(found.code == "pack-damaged" for found in check(out).findings)
    content = bytearray((out / file).read_bytes())
    content[-1] ^= 1
    (out / file).write_bytes(content)
    assert any(found.code == "pack-damaged" for found in check(out).findings)


@pytest.mark.parametrize("source", ["pack", "npy", "folder"])
def test_resized_on_disk_and_nothing_else_left_there(source: str, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in")
    given = {"pack": tmp_path / "in.pack", "npy": tmp_path / "x.npy", "folder": folder}[source]
    if source == "pack":
        pack(folder, given)
    if source == "npy":
        np.save(given, load(folder).images)
    out = pack(given, tmp_path / "small.pack", size=(4, 5), channels=1)
    expected = load(given, size=(4, 5), channels=1)
    assert np.array_equal(load(out).images, expected.images)
    held = {file.name for file in out.iterdir()} - {"labels.npy"}
    assert held == {"images.npy", "hashes.npy", "meta.json"}


def test_a_gap_is_closed_on_disk(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 200)
    for name in ("dog/000.png", "cat/077.png", "dog/120.png"):
        (folder / name).write_bytes(b"x")
    out = pack(folder, tmp_path / "in.pack")
    assert np.array_equal(load(out).images, load(folder).images)
    assert (out / "images.npy").stat().st_size == 128 + 197 * 3 * 8 * 8
