"""One folder to work in, with data good and bad, and with runs made by the commands themselves."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_tiny import NETWORK, QUICK, Done, latens
from PIL import Image
from sklearn.datasets import load_digits


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; `here` makes it the current one."""
    folder = tmp_path_factory.mktemp("work")
    bunch = load_digits()
    x = np.round(bunch.images[:300] * (255 / 16)).astype(np.uint8)
    y = bunch.target[:300]
    np.savez(folder / "data.npz", x_train=x[:220], y_train=y[:220], x_test=x[220:], y_test=y[220:])
    x[:, 0, 0] = 9
    np.savez(folder / "other.npz", x_train=x[:220], y_train=y[:220], x_test=x[220:],
             y_test=y[220:])  # fmt: skip
    np.savez(folder / "one-class.npz", x=x, y=np.zeros(300, int))
    _bad_files(folder)
    for number in range(40):
        picture = folder / "pictures" / f"{y[number]}" / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x[number]).convert("RGB").resize((40, 30)).save(picture)
    return folder


def _bad_files(folder: Path) -> None:
    bad = folder / "bad"
    bad.mkdir()
    images = struct.pack(">IIII", 0x803, 10, 8, 8)
    (bad / "truncated-images-idx3-ubyte").write_bytes(images + bytes(100))
    (bad / "labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 10) + bytes(10))
    (bad / "half.gz").write_bytes(gzip.compress(images + bytes(640))[:30])
    (bad / "letter.txt").write_text("Dear data set")
    (bad / "letter.png").write_text("Dear picture")
    (bad / "empty").mkdir()
    (bad / "garbage.npz").write_bytes(b"no archive at all")
    np.save(bad / "objects.npy", np.array([{"a": 1}], object))
    x = np.full((4, 8, 8), 0.5, np.float32)
    x[1, 2, 3] = np.nan
    np.save(bad / "nan.npy", x)


@pytest.fixture
def here(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the runs below in it, as the current one."""
    monkeypatch.chdir(work)
    return work


@pytest.fixture(scope="session")
def pretrained(work: Path) -> Done:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(work)
        return latens(
            "pretrain", "data.npz", "--out", "runs/ae", "--epochs", "4", *NETWORK, "--json"
        )


@pytest.fixture(scope="session")
def classified(work: Path, pretrained: Done) -> Done:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(work)
        return latens(
            "classify", "data.npz", "--encoder", "runs/ae", "--labels", "60", "--out", "runs/clf",
            *QUICK, "--json",
        )  # fmt: skip


@pytest.fixture(scope="session")
def evaluated(work: Path, classified: Done) -> Done:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(work)
        return latens("evaluate", "runs/clf", "--json")


@pytest.fixture(scope="session")
def compared(work: Path) -> Done:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(work)
        return latens(
            "compare", "data.npz", "--labels", "20,all", "--modes", "two-phase", "--seeds", "2",
            "--pretrain-epochs", "1", "--epochs", "2", "--latent", "8", "--no-augment",
            "--threads", "1", "--out", "runs/cmp", "--json",
        )  # fmt: skip


@pytest.fixture
def runs(here: Path, evaluated: Done, compared: Done) -> Path:
    """The working folder after everything was made once."""
    assert (evaluated.code, compared.code) == (0, 0)
    return here


@pytest.fixture(scope="session")
def damaged(work: Path, evaluated: Done) -> Path:
    """Copies of the classifier's run, each damaged in its own way."""
    folder = work / "damaged"
    for kind in ("weights", "newer", "half", "spec", "split", "unfinished"):
        shutil.copytree(work / "runs" / "clf", folder / kind)
    weights = next((folder / "weights" / "weights").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:500])
    spec = json.loads((folder / "newer" / "spec.json").read_text())
    (folder / "newer" / "spec.json").write_text(json.dumps({**spec, "version": 2}))
    (folder / "half" / "spec.json").unlink()
    (folder / "spec" / "spec.json").write_text('{"version": 1, "ta')
    (folder / "split" / "split.npz").write_bytes(b"PK")
    (folder / "unfinished" / "results" / "training.json").unlink()
    return folder
