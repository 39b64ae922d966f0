"""Names: where they are looked for, and downloads from mirrors that fail in every way."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from latens.data import download, names
from latens.data.download import Remote
from latens.data.load import load
from latens.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of this machine is looked into."""
    monkeypatch.setenv("LATENS_DATA", "")
    monkeypatch.setattr(download, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(names, "SYSTEM", tmp_path / "system")


def numpy_file(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.full((3, 8, 8), value, np.uint8))
    return path


def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = numpy_file(tmp_path / "system" / "mine.npy")
    assert names.find("mine") == system
    cached = numpy_file(tmp_path / "cache" / "mine.npy")
    assert names.find("mine") == cached
    asked = numpy_file(tmp_path / "b" / "mine.npy")
    monkeypatch.setenv("LATENS_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert names.find("mine") == asked
    assert len(load("mine")) == 3
    monkeypatch.chdir(tmp_path / "b")
    numpy_file(Path("mine.x"))
    assert names.find("mine.npy") == Path("mine.npy")


def test_known_names_say_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = numpy_file(tmp_path / "a" / "mine.npy")
    monkeypatch.setenv("LATENS_DATA", str(tmp_path / "a"))
    known = {named.name: named for named in names.known()}
    assert known["digits"].where == "built in" and known["mnist"].where == "download"
    assert known["mine"].where == str(path) and known["mine"].size == path.stat().st_size


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="Did you mean mnist") as caught:
        names.find("minst")
    assert caught.value.code == "unknown-data-set"
    for path in ("no/such", Path("no")):
        with pytest.raises(DataError) as missing:
            names.find(path)
        assert missing.value.code == "no-such-path"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirrors(tmp_path: Path) -> Iterator[str]:
    """The address of a server for the folder ``www``."""
    (tmp_path / "www").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "www"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


CONTENT = b"what was published" * 99


def serve(tmp_path: Path, folder: str, content: bytes) -> None:
    (tmp_path / "www" / folder).mkdir(exist_ok=True)
    (tmp_path / "www" / folder / "a.gz").write_bytes(content)


@pytest.mark.parametrize("packed", [False, True])
def test_the_third_mirror_serves(packed: bool, mirrors: str, tmp_path: Path) -> None:
    serve(tmp_path, "bad", gzip.compress(b"something else"))
    serve(tmp_path, "torn", gzip.compress(CONTENT)[:-9])
    served = gzip.compress(CONTENT, compresslevel=1)
    serve(tmp_path, "good", served)
    digest = hashlib.sha256(CONTENT).hexdigest()
    if packed:
        digest = f"md5:{hashlib.md5(served).hexdigest()}"
    places = ("http://127.0.0.1:9/", *(f"{mirrors}{n}/" for n in ("none", "bad", "torn", "good")))
    remote = Remote("toy", "a toy", places, {"a.gz": digest}, 100)
    told: list[tuple[str, int, int]] = []
    folder = download.fetch(remote, tmp_path / "cache" / "toy", lambda *said: told.append(said))
    assert gzip.decompress((folder / "a.gz").read_bytes()) == CONTENT
    assert [file.name for file in folder.iterdir()] == ["a.gz"]
    assert told[-1][0] == "downloading a.gz" and told[-1][1] == told[-1][2] == len(served)


def test_offline_the_error_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Remote("toy", "a toy", ("http://127.0.0.1:9/",), {"a.gz": "0" * 64}, 100)
    monkeypatch.setitem(download.REMOTES, "toy", remote)
    with pytest.raises(DataError) as caught:
        names.find("toy")
    assert caught.value.code == "download-failed"
    assert "a.gz" in caught.value.hint and str(tmp_path / "cache" / "toy") in caught.value.hint
    (tmp_path / "cache" / "toy" / "a.gz").write_bytes(b"put here by hand")
    assert names.find("toy") == tmp_path / "cache" / "toy"


def test_the_published_hashes_are_those_of_the_real_files(shared: Path) -> None:
    for remote in (download.MNIST, download.FASHION):
        for file, digest in remote.files.items():
            content = gzip.decompress((shared / "data" / remote.name / file).read_bytes())
            assert hashlib.sha256(content).hexdigest() == digest
