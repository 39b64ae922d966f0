"""Well-known data sets, from the first mirror that gives the right bytes."""

from __future__ import annotations

import gzip
import hashlib
import logging
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latens.errors import DataError
from latens.progress import Progress, silent

TIMEOUT = 20  # seconds without an answer before the next mirror is tried


@dataclass(frozen=True)
class Remote:
    """A data set that can be downloaded.

    Attributes:
        name: what people type.
        description: one line.
        mirrors: where to look, in this order; a file's name is appended.
        files: a file's name to its hash. ``md5:...`` is of the file as it is; a plain sha256 is
            of its content *unpacked*, so that a mirror may have compressed it anew.
        size: bytes to download, roughly.
    """

    name: str
    description: str
    mirrors: tuple[str, ...]
    files: dict[str, str]
    size: int

    def complete(self, folder: Path) -> bool:
        """Whether all files lie in `folder`."""
        return all((folder / file).is_file() for file in self.files)


def _idx(*hashes: str) -> dict[str, str]:
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{part}-ubyte.gz": digest for part, digest in zip(parts, hashes, strict=True)}


MNIST = Remote(
    "mnist",
    "MNIST: 70,000 handwritten digits, 28x28 grey",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    _idx(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    11_594_722,
)
FASHION = Remote(
    "fashion-mnist",
    "Fashion-MNIST: 70,000 pieces of clothing, 28x28 grey",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    _idx(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    30_878_645,
)
CIFAR10 = Remote(
    "cifar10",
    "CIFAR-10: 60,000 pictures of 10 kinds, 32x32 RGB",
    (
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
    ),
    {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
    170_052_171,
)
REMOTES = {remote.name: remote for remote in (MNIST, FASHION, CIFAR10)}


def cache() -> Path:
    """The user's folder for downloads, as the system has it (such as ``~/.cache/latens``)."""
    import platformdirs  # what pooch.os_cache asks, without its 50 ms of imports

    return Path(platformdirs.user_cache_dir("latens"))


def fetch(remote: Remote, folder: Path, progress: Progress = silent) -> Path:
    """Download what is missing of `remote` into `folder`; each file appears there only verified.

    Returns the folder, or the file where the set is a single archive. Raises `DataError` saying
    which files to put where, when no mirror has a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed(remote, folder, f"{folder} cannot be made ({error.strerror})") from error
    for file, digest in remote.files.items():
        if not (folder / file).is_file():
            _fetch_file(remote, file, digest, folder, progress)
    return folder


def _fetch_file(remote: Remote, file: str, digest: str, folder: Path, progress: Progress) -> None:
    tried = []
    for mirror in remote.mirrors:
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as place:
                got = _retrieve(mirror + file, digest, Path(place), progress)
                got.replace(folder / file)
            return
        except (OSError, ValueError, EOFError, zlib.error) as error:  # requests' are OSErrors
            tried.append(f"{mirror.split('/')[2]}: {_reason(error)}")
    raise _failed(remote, folder, "; ".join(tried))


def _retrieve(url: str, digest: str, place: Path, progress: Progress) -> Path:
    import pooch

    logging.getLogger("pooch").setLevel(logging.WARNING)
    bar: Any = _Bar(f"downloading {url.rsplit('/', 1)[-1]}", progress)
    downloader = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)
    known = digest if ":" in digest else None
    pooch.get_logger().setLevel("WARNING")
    got = Path(pooch.retrieve(url, known, fname="file", path=place, downloader=downloader))
    if known is None and _sha256_unpacked(got) != digest:
        raise ValueError("hash of the content does not match")
    return got


def _sha256_unpacked(path: Path) -> str:
    with gzip.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Bar:
    """What pooch calls a progress bar, telling ours."""

    def __init__(self, what: str, progress: Progress) -> None:
        self.what, self.progress = what, progress
        self.total, self.done = 0, 0

    def update(self, count: int) -> None:
        """`count` more bytes have come."""
        self.done += count
        self.progress(self.what, self.done, self.total)

    def reset(self) -> None:
        """Begin anew; pooch calls it to fill the bar at the end."""
        self.done = 0

    def close(self) -> None:
        """Nothing to close."""


def _reason(error: Exception) -> str:
    text = str(error)
    if "hash" in text.lower():
        return "sent a file with other content than published"
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"answered {status}" if status else f"no answer ({type(error).__name__})"


def _failed(remote: Remote, folder: Path, why: str) -> DataError:
    files = ", ".join(remote.files)
    return DataError(
        f"Expected to download {remote.name}; no mirror gave it ({why}).",
        hint=f"Without a network, put {files} into {folder}, or into a folder {remote.name} "
        "in one that $LATENS_DATA names.",
        code="download-failed",
    )
