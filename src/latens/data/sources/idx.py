"""IDX, the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist).

A file is two zero bytes, a byte for the type, a byte for the number of axes, each axis' length as
big-endian uint32, then the values. Labels have one axis, grey images three.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from latens.data.convert import Allocate, Pixels, Size, in_memory
from latens.data.image_set import UNLABELLED, ImageSet
from latens.data.tree import MEMBER_LIMIT, FolderTree, Tree
from latens.errors import DataError
from latens.progress import Progress, silent

DESCRIPTION = "IDX files as MNIST's (one file or the folder of four, plain or gzip)"

_UINT8 = 0x08
_HEADER = 4 + 4 * 4  # bytes of the longest header: four axes
_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float", 0x0E: "double"}
ROLES = ("train images", "train labels", "test images", "test labels")
_NAME = re.compile(r"(train|t10k|test)[-_.]?(images|labels).*?(idx|ubyte)", re.IGNORECASE)

# The published Fashion-MNIST has its class names on a web page only: we know it by its labels.
# fmt: off
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
            "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
# fmt: on
_KNOWN_LABELS = {
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9": _FASHION,
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34": _FASHION,
}


def sniff(path: Path) -> bool:
    """Whether `path` is an IDX file (by its first bytes or its name) or a folder with such."""
    if path.is_dir():
        return any(_NAME.match(file.name) for file in [*path.iterdir(), *path.glob("raw/*")])
    if not path.is_file() or _NAME.match(path.name):
        return path.is_file()
    head = _head(path)
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


def read(
    path: Path,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """Images ``[N, 1, H, W]`` in [0, 255] with their labels; converting is the caller's.

    Raises `DataError` for a file whose magic number, type, counts or length are wrong.
    """
    return read_tree(FolderTree(path)) if path.is_dir() else _read_file(path)


def matches(files: list[str]) -> bool:
    """Whether an archive with these names holds IDX files."""
    return any(_NAME.match(PurePosixPath(file).name) for file in files)


def read_tree(tree: Tree) -> ImageSet:
    """The four files, wherever they lie in a folder or archive; the test part may be missing."""
    found = by_role(tree.files())
    if "train images" not in found:
        raise _missing(tree.path, "train-images-idx3-ubyte")
    images = [_images(tree.read(found["train images"]), found["train images"])]
    if "test images" in found:
        images.append(_images(tree.read(found["test images"]), found["test images"]))
    labels, names = _labels_of(tree, found, [len(part) for part in images])
    if len({part.shape[1:] for part in images}) > 1:
        raise DataError(
            f"Expected test images of {images[0].shape[2:]} pixels like the training images; "
            f"got {images[1].shape[2:]}.",
            hint="The files belong to different sets.",
            code="mixed-sizes",
        )
    start = len(images[0]) if len(images) > 1 else None
    name = tree.path.name.split(".")[0]
    return ImageSet(np.concatenate(images), labels, names, name=name, test_start=start)


def parse(content: bytes | memoryview, name: str) -> npt.NDArray[np.uint8]:
    """The array in an IDX file (plain or gzip), uint8 of its own shape. Checks every byte count."""
    stream = gzip.GzipFile(fileobj=BytesIO(content)) if content[:2] == b"\x1f\x8b" else None
    take: Callable[[int], bytes] = stream.read if stream else BytesIO(content[:_HEADER]).read
    try:
        shape = _header(take(4), take, name)
        length = math.prod(shape)
        if length > MEMBER_LIMIT:
            raise _wrong(name, "at most 4 GiB of pixels", f"a header asking for {length} bytes")
        body = take(length + 1) if stream else memoryview(content)[4 + 4 * len(shape) :]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(name, f"a damaged gzip ({error})", "truncated") from error
    if len(body) < length:
        raise _damaged(name, f"{len(body)} bytes where {shape} needs {length}", "truncated")
    if len(body) > length:
        raise _damaged(name, f"more bytes than {shape} needs ({length})", "trailing-bytes")
    return np.frombuffer(body, np.uint8).reshape(shape)


def _header(magic: bytes, take: Callable[[int], bytes], name: str) -> tuple[int, ...]:
    if len(magic) < 4:
        raise _damaged(name, f"{len(magic)} bytes", "truncated")
    if magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= 4:
        raise _wrong(name, "an IDX magic number (00 00 08 01 or 00 00 08 03)", magic.hex(" "))
    if magic[2] != _UINT8:
        raise _wrong(name, "IDX values of type uint8 (08)", f"{_TYPES[magic[2]]} ({magic[2]:02x})")
    lengths = take(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise _damaged(name, "a header that ends early", "truncated")
    return struct.unpack(f">{magic[3]}I", lengths)


def _images(content: bytes | memoryview, name: str) -> Pixels:
    values = parse(content, name)
    if values.ndim == 1:
        raise DataError(
            f"Expected an IDX file of images (three axes); {name} holds labels (one axis).",
            hint="Pass the images file; the labels beside it are found by their name.",
            code="labels-as-images",
        )
    if values.ndim == 4:  # not MNIST's, but some write colour images so
        return values if values.shape[1] <= 4 else values.transpose(0, 3, 1, 2)
    if values.ndim != 3:
        raise _wrong(name, "IDX images of three axes", f"{values.ndim} axes")
    return values[:, None]


def _labels(content: bytes, name: str, images: int) -> npt.NDArray[np.int64]:
    values = parse(content, name)
    if values.ndim != 1:
        raise _wrong(name, "IDX labels of one axis", f"{values.ndim} axes")
    if len(values) != images:
        raise DataError(
            f"Expected one label an image; got {images} images and {len(values)} labels ({name}).",
            hint="Images and labels must come from the same set.",
            code="counts-disagree",
        )
    return values.astype(np.int64)


def _labels_of(
    tree: Tree, found: dict[str, str], counts: list[int]
) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    roles = ["train labels", "test labels"][: len(counts)]
    present = [role for role in roles if role in found]
    if not present:
        return None, ()
    for role in roles:
        if role not in found:
            raise _missing(
                tree.path, f"{role.replace('test', 't10k').replace(' ', '-')}-idx1-ubyte"
            )
    parts = [
        _labels(tree.read(found[role]), found[role], count)
        for role, count in zip(roles, counts, strict=True)
    ]
    return np.concatenate(parts), _class_names(parts)


def _class_names(parts: list[npt.NDArray[np.int64]]) -> tuple[str, ...]:
    """Known names, or the numbers themselves up to the largest label."""
    header = struct.pack(">2BBBI", 0, 0, _UINT8, 1, len(parts[0]))
    digest = hashlib.sha256(header + parts[0].astype(np.uint8).tobytes()).hexdigest()
    count = 1 + max(int(part.max(initial=UNLABELLED)) for part in parts)
    return _KNOWN_LABELS.get(digest) or tuple(str(number) for number in range(count))


def _read_file(path: Path) -> ImageSet:
    images = _images(np.fromfile(path, np.uint8).data, path.name)  # writable without a copy
    images = np.require(images, requirements="W")  # unless it was unpacked
    name = path.name.split(".")[0]
    beside = _sibling(path)
    if beside is None:
        note = f"No labels file lies beside {path.name}: the images are unlabelled."
        return ImageSet(images, name=name, notes=(note,))
    labels = _labels(beside.read_bytes(), beside.name, len(images))
    note = f"Labels were taken from {beside.name}, beside the images."
    return ImageSet(images, labels, _class_names([labels]), name=name, notes=(note,))


def _sibling(path: Path) -> Path | None:
    """The labels of an images file: the same name with labels for images, plain or gzip."""
    plain = path.name.removesuffix(".gz")
    wanted = plain.replace("images", "labels").replace("idx3", "idx1")
    if wanted == plain:
        return None
    files = [path.with_name(wanted), path.with_name(f"{wanted}.gz")]
    return next((file for file in files if file.is_file()), None)


def by_role(files: list[str]) -> dict[str, str]:
    """``{"train images": name, ...}``; of a plain and a gzip file of one role the plain one."""
    found: dict[str, str] = {}
    for file in sorted(files, key=lambda file: (file.endswith(".gz"), file)):
        if match := _NAME.match(PurePosixPath(file).name):
            part = "train" if match[1].lower() == "train" else "test"
            found.setdefault(f"{part} {match[2].lower()}", file)
    return found


def _head(path: Path) -> bytes:
    """The first four bytes, unpacked."""
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] != b"\x1f\x8b":
        return head
    try:
        with gzip.open(path) as packed:
            return packed.read(4)
    except (OSError, EOFError, zlib.error):
        return b""


def _missing(path: Path, file: str) -> DataError:
    return DataError(
        f"Expected {file} (or {file}.gz) in {path.name}; it is not there.",
        hint="Put all four IDX files into one folder, or pass a single images file.",
        code="missing-file",
    )


def _wrong(name: str, expected: str, got: str) -> DataError:
    return DataError(
        f"Expected {expected} in {name}; got {got}.",
        hint="Check that it is an IDX file of bytes, such as MNIST's.",
        code="bad-idx",
    )


def _damaged(name: str, got: str, code: str) -> DataError:
    return DataError(
        f"Expected a complete IDX file; {name} has {got}.",
        hint="Copy or download it again.",
        code=code,
    )
