"""Sessions typed for the originals, piped into the commands, on the first images of MNIST."""

from __future__ import annotations

import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest
from menu_tiny import latens, write_digits

from latens.menu import plots
from latens.runs.folder import RunFolder

FOUR = (
    "-d", "mnist/train-images-idx3-ubyte", "-dl", "mnist/train-labels-idx1-ubyte",
    "-t", "mnist/t10k-images-idx3-ubyte", "-tl", "mnist/t10k-labels-idx1-ubyte",
)  # fmt: skip


def lines(*answers: object) -> str:
    return "".join(f"{answer}\n" for answer in answers)


@pytest.mark.parametrize("report", [1, 2])
def test_the_whole_way_of_a_report(mnist: Path, report: int) -> None:
    """Train, plot, train again, save; then a classifier on it, and the test set."""
    first = {1: (4, 3, 4, 1, 64), 2: (1, 64, 4, 4, "3 x 3")}[report]
    more = {1: (1, 2, 5, 8, 1, 64, 2), 2: ()}[report]
    typed = lines(*first, *more, 4, "runs/autoencoder-1/model-1", *first, 3, "ae.h5")
    options = ("--report", str(report), "--threads", "1")
    code, out, err = latens("autoencoder", *FOUR[:2], *options, piped=typed)
    assert code == 0, out + err
    assert "You say" not in out and "val mse" in out and "Saved" in out
    assert "autoencoder: epoch 1 of 1  validation mse" in out
    typed = lines(*({1: (1, 1, 64, 16, 2), 2: (*first, 16)}[report]), 3, 1)
    code, out, err = latens("classification", *FOUR, "-model", "ae.h5", *options, piped=typed)
    assert code == 0, out + err
    assert "Found" in out and "weighted avg" in out
    assert "End of input" not in out
    run = RunFolder.open("runs/classification-1/model-1")
    assert run.result("classification")[0]["images"] == 100
    assert run.spec()["data"]["source"] == str(mnist)


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_digits(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("autoencoder", "-d", "./none.dat"), 3, "there is no ./none.dat"),
        (("autoencoder", "-d", "train.lab"), 3, "holds labels"),
        (("autoencoder",), 2, "-d"),
        (("autoencoder", "-d", "train.dat", "--report", "3"), 2, "--report"),
        (("classification", "-d", "train.dat", "-dl", "train.lab"), 2, "-model"),
        (("classification", "-d", "train.dat", "-model", "x"), 2, "-dl FILE"),
        (
            ("classification", "-d", "train.dat", "-dl", "train.lab", "-t", "test.dat",
             "-model", "x"), 2, "-t and -tl together",
        ),
        (
            ("classification", "-d", "train.dat", "-dl", "train.lab", "-model", "x.h5"), 2,
            "Expected a run folder, or a file that ends in .h5 or .keras, at x.h5",
        ),
        (("menu", "none.dat"), 2, "data set"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_any_question(
    digits: Path, arguments: tuple[str, ...], code: int, word: str
) -> None:
    done, out, err = latens(*arguments)
    assert done == code, out + err
    assert word in " ".join(err.split())
    assert "Give the number" not in out


def test_an_empty_pipe_ends_well(digits: Path) -> None:
    for arguments in (("autoencoder", "-d", "train.dat"), ("menu", "digits")):
        code, out, err = latens(*arguments)
        assert code == 0, err
        assert f"Next: latens {' '.join(arguments)}" in out, "nothing was trained: the same again"
    assert latens("menu")[0] == 0
    assert not (digits / "runs").exists()


def test_the_name_of_images_is_asked_until_there_are_such(digits: Path) -> None:
    code, out, err = latens("menu", piped=lines("nothing", "train.dat", 5))
    assert code == 0, err
    assert "Expected the name of a data set" in out
    assert "train: 300 images of 8x8" in out


def test_pictures_open_in_the_background_where_there_is_a_display(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Mock()
    monkeypatch.setattr(subprocess, "Popen", started)
    monkeypatch.setattr(plots.shutil, "which", lambda name: f"/usr/bin/{name}")
    plots.show(Path("parallel.html"))
    (command,) = started.call_args.args
    assert command[-1] == "parallel.html"
    assert not started.return_value.wait.called
    monkeypatch.setattr(plots.shutil, "which", lambda name: None)
    plots.show(Path("parallel.html"))
    assert started.call_count == 1


@pytest.mark.skipif("sys.platform in ('darwin', 'win32')")
def test_a_display_is_known_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not plots.display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert plots.display()
