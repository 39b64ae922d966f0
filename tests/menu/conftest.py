"""A folder of small IDX files to work in, and an autoencoder that was trained on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from menu_tiny import write_digits, write_mnist

import latens


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with train.dat, train.lab, test.dat, test.lab: digits of 8x8 pixels."""
    write_digits(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder's run: 4 convolutions of 4 filters of 3x3, 2 epochs, batches of 64."""
    folder = tmp_path_factory.mktemp("trained")
    write_digits(folder)
    latens.pretrain(
        str(folder / "train.dat"), out=folder / "ae", conv_layers=4, kernel_size=3, filters=4,
        epochs=2, batch_size=64, threads=1,
    )  # fmt: skip
    return folder / "ae"


@pytest.fixture
def mnist(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the four files of MNIST, of which only the first images are left."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    write_mnist(shared / "data" / "mnist", folder, 300, 100)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture(scope="session")
def classifier(trained: Path) -> Path:
    """A classifier's run on that autoencoder, tested on an official part of 60 images."""
    names = ("train.dat", "train.lab", "test.dat", "test.lab")
    data = ",".join(str(trained.parent / name) for name in names)
    latens.classify(
        data, encoder=trained, out=trained.parent / "clf", epochs=2, hidden=(8,), threads=1,
        augment=False,
    )  # fmt: skip
    return trained.parent / "clf"
