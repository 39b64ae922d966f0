"""The contract of a source: round trip, damage told as DataError, a stable print, no rivalry."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latens import catalog
from latens.data.image_set import ImageSet
from latens.data.load import load, read_path, source_of
from latens.data.pack import pack
from latens.errors import DataError

Made = tuple[Path, ImageSet]
_RNG = np.random.default_rng(0)


def pixels(count: int, *shape: int) -> np.ndarray:
    return _RNG.integers(0, 256, (count, *shape), dtype=np.uint8)


def idx_bytes(values: np.ndarray, magic: bytes | None = None) -> bytes:
    head = magic or bytes([0, 0, 8, values.ndim])
    return head + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def make_idx(folder: Path) -> Made:
    path = folder / "drawn"
    path.mkdir()
    images, labels = pixels(7, 5, 6), np.array([0, 1, 2, 0, 1, 2, 1], np.uint8)
    for part, rows in (("train", slice(0, 5)), ("t10k", slice(5, 7))):
        (path / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images[rows]))
        (path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels[rows])))
    wanted = ImageSet(images[:, None], labels.astype(np.int64), ("0", "1", "2"), test_start=5)
    return path, wanted


def make_cifar(folder: Path) -> Made:
    path = folder / "cifar-10-batches-bin"
    path.mkdir()
    images, labels = pixels(12, 3, 32, 32), _RNG.integers(0, 10, 12)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    for index, name in enumerate(names):
        rows = range(2 * index, 2 * index + 2)
        records = [bytes([labels[row]]) + images[row].tobytes() for row in rows]
        (path / name).write_bytes(b"".join(records))
    from latens.data.sources.cifar import CLASSES

    return path, ImageSet(images, labels, CLASSES, test_start=10)


def make_folder(folder: Path) -> Made:
    path = folder / "animals"
    images = pixels(6, 3, 8, 9)
    places = ["train/cat", "train/cat", "train/dog", "train/dog", "test/cat", "test/dog"]
    for index, place in enumerate(places):
        (path / place).mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[index].transpose(1, 2, 0)).save(path / place / f"{index}.png")
    return path, ImageSet(images, np.array([0, 0, 1, 1, 0, 1]), ("cat", "dog"), test_start=4)


def make_archive(folder: Path) -> Made:
    path, wanted = make_folder(folder)
    with tarfile.open(folder / "animals.tar.xz", "w:xz") as tar:
        tar.add(path, "animals")
    shutil.rmtree(path)
    return folder / "animals.tar.xz", wanted


def make_numpy(folder: Path) -> Made:
    images, labels = pixels(6, 8, 8), np.array([0, 1, 0, 1, 0, 1])
    path = folder / "numbers.npz"
    np.savez(path, x_train=images[:4], y_train=labels[:4], x_test=images[4:], y_test=labels[4:])
    return path, ImageSet(images[:, None], labels, ("0", "1"), test_start=4)


def make_pack(folder: Path) -> Made:
    wanted = ImageSet(pixels(6, 2, 8, 8), np.array([0, 1, 0, 1, 0, 1]), ("a", "b"), test_start=4)
    return pack(wanted, folder / "made.pack"), wanted


MAKERS: dict[str, Callable[[Path], Made]] = {
    "idx": make_idx,
    "cifar": make_cifar,
    "folder": make_folder,
    "archive": make_archive,
    "numpy-file": make_numpy,
    "pack": make_pack,
}
on_disk = pytest.mark.parametrize("name", MAKERS)


def test_every_source_is_in_this_suite() -> None:
    assert {*MAKERS, "digits"} == set(catalog.names("data.sources"))


def biggest(path: Path) -> Path:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return max(files, key=lambda file: file.stat().st_size)


@on_disk
def test_round_trip(name: str, tmp_path: Path) -> None:
    path, wanted = MAKERS[name](tmp_path)
    got = load(path)
    assert np.array_equal(got.images, wanted.images)
    assert got.labels is not None and wanted.labels is not None
    assert np.array_equal(got.labels, wanted.labels)
    assert got.labels.dtype == np.int64
    assert (got.class_names, got.test_start) == (wanted.class_names, wanted.test_start)


@on_disk
def test_the_fingerprint_is_that_of_the_content(name: str, tmp_path: Path) -> None:
    path, wanted = MAKERS[name](tmp_path)
    assert load(path).fingerprint == load(path).fingerprint == wanted.fingerprint


@on_disk
def test_exactly_one_source_claims_it(name: str, tmp_path: Path) -> None:
    path, _ = MAKERS[name](tmp_path)
    sources = {
        other: catalog.load("data.sources", other) for other in catalog.names("data.sources")
    }
    assert [other for other, source in sources.items() if source.sniff(path)] == [name]


@on_disk
def test_truncation_is_told(name: str, tmp_path: Path) -> None:
    path, _ = MAKERS[name](tmp_path)
    file = biggest(path)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 - 1])
    with pytest.raises(DataError) as caught:
        load(path)
    assert caught.value.hint and "Expected" in caught.value.message


@on_disk
def test_a_wrong_beginning_is_told(name: str, tmp_path: Path) -> None:
    path, _ = MAKERS[name](tmp_path)
    file = biggest(path)
    file.write_bytes(b"\xff\xff\xff\xff" + file.read_bytes()[4:])
    with pytest.raises(DataError) as caught:
        load(path)
    assert caught.value.hint


@on_disk
def test_it_says_what_it_reads(name: str) -> None:
    assert catalog.load("data.sources", name).DESCRIPTION


def test_digits_are_built_in() -> None:
    digits = load("digits")
    assert (digits.images.shape, digits.images.max()) == ((1797, 1, 8, 8), 255)
    assert source_of(Path("digits"))[0] == "digits"


def test_a_single_images_file_finds_its_labels(tmp_path: Path) -> None:
    path, wanted = make_idx(tmp_path)
    got = load(path / "train-images-idx3-ubyte")
    assert got.labels is not None and wanted.labels is not None
    assert np.array_equal(got.labels, wanted.labels[:5])
    assert "train-labels-idx1-ubyte.gz" in got.notes[0]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (idx_bytes(np.zeros((2, 3, 3), np.uint8)) + b"x", "trailing-bytes"),
        (idx_bytes(np.zeros((2, 3, 3), np.uint8))[:-1], "truncated"),
        (b"\0\0", "truncated"),
        (idx_bytes(np.zeros((2, 3, 3), np.uint8), b"\0\0\x0d\x03"), "bad-idx"),
        (idx_bytes(np.zeros((2, 3, 3), np.uint8), b"\1\2\x08\x03"), "bad-idx"),
        (idx_bytes(np.zeros(5, np.uint8)), "labels-as-images"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "bad-idx"),
        (gzip.compress(idx_bytes(pixels(9, 9, 9)))[:-20], "truncated"),
        (idx_bytes(np.zeros((0, 3, 3), np.uint8)), "no-images"),
    ],
)
def test_every_damage_of_idx_has_its_code(content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(tmp_path / "train-images-idx3-ubyte")
    assert caught.value.code == code


def test_idx_counts_that_disagree_and_missing_files(tmp_path: Path) -> None:
    path, _ = make_idx(tmp_path)
    (path / "train-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(idx_bytes(np.zeros(3, np.uint8)))
    )
    with pytest.raises(DataError, match="5 images and 3 labels"):
        load(path)
    (path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte"):
        load(path)
    (path / "train-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load(path)


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickled_cifar(protocol: int, tmp_path: Path) -> None:
    path, wanted = make_cifar(tmp_path)
    for file in path.glob("*.bin"):
        records = np.frombuffer(file.read_bytes(), np.uint8).reshape(-1, 3073)
        batch = {b"data": records[:, 1:].copy(), b"labels": records[:, 0].tolist()}
        file.with_suffix("").write_bytes(pickle.dumps(batch, protocol=protocol))
        file.unlink()
    assert load(path).fingerprint == wanted.fingerprint
    (path / "data_batch_3").unlink()
    with pytest.raises(DataError, match="missing: data_batch_3"):
        load(path)


def test_archives_of_idx_and_cifar(tmp_path: Path) -> None:
    for make in (make_idx, make_cifar):
        path, wanted = make(tmp_path)
        file = Path(shutil.make_archive(str(tmp_path / f"x{path.name}"), "zip", path))
        assert load(file).fingerprint == wanted.fingerprint


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar"])
def test_every_kind_of_archive(kind: str, tmp_path: Path) -> None:
    _, wanted = make_folder(tmp_path)
    file = shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path, "animals")
    assert load(file).fingerprint == wanted.fingerprint


def test_names_in_an_archive_are_never_used_as_paths(tmp_path: Path) -> None:
    path, wanted = make_folder(tmp_path)
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for file in path.rglob("*.png"):
            inside = file.relative_to(path).as_posix()
            archive.write(file, f"../../{inside}")
            archive.writestr(f"__MACOSX/{inside}", b"litter")
    before = sorted(tmp_path.rglob("*"))
    assert load(tmp_path / "evil.zip").fingerprint == wanted.fingerprint
    assert sorted(tmp_path.rglob("*")) == before


def test_archive_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in (("FLOOR", 100_000), ("PICTURE_LIMIT", 1000)):
        with monkeypatch.context() as patch:
            patch.setattr(f"latens.data.tree.{name}", limit)
            for suffix in ("zip", "tar.gz"):
                bomb = tmp_path / f"bomb.{suffix}"
                _bomb(bomb)
                with pytest.raises(DataError) as caught:
                    load(bomb)
                assert caught.value.code == "archive-too-large"


def _bomb(path: Path) -> None:
    big = path.with_name("big.png")
    big.write_bytes(bytes(2_000_000))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(big, "big.png")
    else:
        with tarfile.open(path, "w:gz") as tar:
            tar.add(big, "big.png")


def test_what_nobody_reads_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "text.txt")
    assert caught.value.code == "unknown-format" and "IDX" in caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        load(tmp_path / "empty")
    assert caught.value.code == "no-images"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path, _ = make_numpy(tmp_path)
    path.chmod(0)
    with pytest.raises(DataError) as caught:
        load(path)
    assert caught.value.code == "unreadable"


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    path, _ = make_idx(tmp_path)
    monkeypatch.setattr("latens.data.sources.idx.read_tree", fail)
    with pytest.raises(DataError, match="Input/output error") as caught:
        load(path)
    assert caught.value.code == "unreadable"


def test_numpy_files(tmp_path: Path) -> None:
    images = pixels(5, 3, 8, 8)
    np.save(tmp_path / "x.npy", images)
    assert isinstance(read_path(tmp_path / "x.npy").images, np.memmap)
    np.savez(tmp_path / "y.npz", images=images, labels=["b", "a", "b", "a", "a"])
    assert load(tmp_path / "y.npz").class_names == ("a", "b")
    np.savez(tmp_path / "z.npz", other=images)
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    for name in ("z.npz", "o.npy"):
        with pytest.raises(DataError) as caught:
            load(tmp_path / name)
        assert caught.value.code == "bad-numpy"


def test_validation_images_of_medmnist_are_joined(tmp_path: Path) -> None:
    parts = {f"{part}_images": pixels(4, 8, 8) for part in ("train", "val", "test")}
    parts |= {f"{part}_labels": np.array([[0], [1], [0], [1]]) for part in ("train", "val", "test")}
    np.savez(tmp_path / "med.npz", **parts)  # type: ignore[arg-type]
    got = load(tmp_path / "med.npz")
    assert (len(got), got.test_start) == (12, 8)
    assert "4 images of the validation part" in got.notes[-1]


def test_real_sets(shared: Path) -> None:
    mnist = load(shared / "data" / "mnist")
    assert mnist.images.shape == (70_000, 1, 28, 28) and mnist.test_start == 60_000
    assert load(shared / "data" / "fashion-mnist").class_names[0] == "T-shirt/top"
