"""The three sessions in a real terminal, from start to exit."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from menu_tiny import environment

pexpect = pytest.importorskip("pexpect", exc_type=ImportError)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

UP, DOWN, ENTER = "\x1b[A", "\x1b[B", "\r"
SLOW = 240  # seconds: other work may share the machine


@pytest.fixture
def start():  # type: ignore[no-untyped-def]
    """Starts `latens` in a terminal of 100 columns; ends what a test left running."""
    running = []

    def latens(*arguments: str):  # type: ignore[no-untyped-def]
        child = pexpect.spawn(
            sys.executable, ["-m", "latens", *arguments], env=environment(), timeout=SLOW,
            encoding="utf-8", dimensions=(40, 100), preexec_fn=_hear_ctrl_c,
        )  # fmt: skip
        running.append(child)
        return child

    yield latens
    for child in running:
        child.close(force=True)


def _hear_ctrl_c() -> None:
    """As a login shell has it; what runs in the background may have inherited deaf ears."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(child, words: str) -> None:  # type: ignore[no-untyped-def]
    """Ctrl-C till the words come: Python's input() misses one between its prompt and its read."""
    for _ in range(SLOW // 10):
        child.sendintr()
        if child.expect_exact([words, pexpect.TIMEOUT], timeout=10) == 0:
            return
    raise AssertionError(f"Ctrl-C was not heard; the terminal shows {child.before!r}.")


def ended(child) -> int:  # type: ignore[no-untyped-def]
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None
    return int(child.exitstatus)


def test_the_reports_programs_on_mnist(mnist: Path, start) -> None:  # type: ignore[no-untyped-def]
    child = start("autoencoder", "-d", "mnist/train-images-idx3-ubyte", "--out", "ae")
    for question, answer in (
        ("number of convolution layers: ", "none"),
        ("Expected a whole number from 2 to 100; got 'none'.", None),
        ("number of convolution layers: ", "4"), ("each convolution filter: ", "3"),
        ("filters per layer: ", "4"), ("number of epochs: ", "1"), ("batch size: ", "64"),
        ("4 - Load a pre-trained model", None), ("Your choice: ", "2"),
        ("training-loss.png", None), ("Your choice: ", "3"), ("path to save", "ae.h5"),
        ("Saved model-1 to ae.h5", None),
    ):  # fmt: skip
        child.expect_exact(question)
        if answer is not None:
            child.sendline(answer)
    assert ended(child) == 0
    assert Path("ae.h5").is_file()

    child = start(
        "classification", "-d", "mnist/train-images-idx3-ubyte",
        "-dl", "mnist/train-labels-idx1-ubyte", "-t", "mnist/t10k-images-idx3-ubyte",
        "-tl", "mnist/t10k-labels-idx1-ubyte", "-model", "ae.h5", "--out", "clf",
    )  # fmt: skip
    for question, answer in (
        ("4 - Load a pre-trained classifier", None), ("Your choice: ", "1"),
        ("number of epochs: ", "1"), ("batch size: ", "64"), ("fully connected layer: ", "8"),
        ("latens classify mnist --batch-size 64", None), ("Your choice: ", "3"),
        ("1 - model-1", None), ("Your choice: ", "1"),
        ("correct labels", None), ("Class 7", None), ("classification-wrong.png", None),
    ):  # fmt: skip
        child.expect_exact(question)
        if answer is not None:
            child.sendline(answer)
    assert ended(child) == 0


def test_ctrl_c_leaves_with_130(mnist: Path, start) -> None:  # type: ignore[no-untyped-def]
    child = start("autoencoder", "-d", "mnist/train-images-idx3-ubyte")
    child.expect_exact("number of convolution layers: ")
    interrupted(child, "Everything trained so far is kept.")
    assert ended(child) == 130


def test_the_menu_has_arrows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    child = start("menu", "--out", "here")
    child.expect_exact("Which images?")
    child.send(ENTER)
    child.expect_exact("1,797 images")
    child.expect_exact("What would you like to do?")
    child.expect_exact("Leave")
    child.send(ENTER)
    child.expect_exact("Which network?")
    child.send(DOWN + UP + ENTER)
    child.expect_exact("number of epochs")
    child.send("1" + ENTER)
    child.expect_exact("batch size")
    child.send(ENTER)
    child.expect_exact("latens pretrain digits --epochs 1 --batch-size 128")
    child.expect_exact("What would you like to do?")
    child.expect_exact("Leave")
    child.send(UP + ENTER)
    child.expect_exact("model-1: here/model-1")
    assert ended(child) == 0


def test_ctrl_d_and_ctrl_c_leave_the_menu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    child = start("menu", "digits")
    child.expect_exact("Leave")
    child.send("\x03")
    assert ended(child) == 130
    child = start("menu")
    child.expect_exact("Which images?")
    child.send("\x04")
    assert ended(child) == 0
