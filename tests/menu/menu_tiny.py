"""Sessions of scripted answers, and small IDX files to hold them over."""

from __future__ import annotations

import gzip
import io
import os
import struct
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from latens.cli.main import main
from latens.menu.session import Session
from latens.menu.talk import Lines

Answer = str | Callable[[], str]
SMALL = ("4", "3", "4", "1", "32")  # layers, filter size, filters, epochs, batch size
QUICK = {"threads": 1, "report": False}


class Person:
    """Answers from a script, then the end of input; keeps all that was asked and said."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.heard: list[str] = []

    def ask(self, prompt: str) -> str:
        self.heard.append(prompt)
        if not self.answers:
            raise EOFError
        answer = self.answers.pop(0)
        return answer if isinstance(answer, str) else answer()

    @property
    def talk(self) -> Lines:
        return Lines(self.ask, self.heard.append)

    @property
    def text(self) -> str:
        return "\n".join(self.heard)


def session(person: Person, data: str, folder: Path = Path("runs/here")) -> Session:
    """A sitting whose trainings draw no pages, for speed."""
    return Session(person.talk, data, folder, dict(QUICK))


def ctrl_c() -> str:
    raise KeyboardInterrupt


def write_digits(folder: Path) -> None:
    """Four IDX files of 8x8 digits, under names of their own."""
    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    for name, rows in (("train", slice(0, 300)), ("test", slice(300, 360))):
        images(folder / f"{name}.dat", pixels[rows])
        labels(folder / f"{name}.lab", bunch.target[rows].astype(np.uint8))


def write_mnist(source: Path, folder: Path, train: int, test: int) -> None:
    """The first of the real MNIST, in the published names."""
    for part, count in (("train", train), ("t10k", test)):
        read = gzip.decompress((source / f"{part}-images-idx3-ubyte.gz").read_bytes())
        pixels = np.frombuffer(read, np.uint8, count * 784, 16).reshape(count, 28, 28)
        images(folder / f"{part}-images-idx3-ubyte", pixels)
        read = gzip.decompress((source / f"{part}-labels-idx1-ubyte.gz").read_bytes())
        labels(folder / f"{part}-labels-idx1-ubyte", np.frombuffer(read, np.uint8, count, 8))


def images(file: Path, pixels: npt.NDArray[np.uint8]) -> None:
    file.write_bytes(struct.pack(">IIII", 0x803, *pixels.shape) + pixels.tobytes())


def labels(file: Path, values: npt.NDArray[np.uint8]) -> None:
    file.write_bytes(struct.pack(">II", 0x801, len(values)) + values.tobytes())


def latens(*arguments: str | Path, piped: str = "") -> tuple[int, str, str]:
    """Run `latens` within this process: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["latens", *map(str, arguments)]),
        patch.object(sys, "stdin", io.StringIO(piped)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return code, out.getvalue(), err.getvalue()


def environment() -> dict[str, str]:
    """A plain terminal of 100 columns and one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "100"}
