"""Contestants run, and those that cannot are told, on sizes that say nothing about speed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import bench
import calibrate
import images
import race
from plan import CONTESTANTS, Block, Entry

CRASHING = """
class Trains:
    parameters = 18913
    def __init__(self, job): self.left = {left}
    def train(self, steps):
        self.left -= 1
        if self.left < 0:
            {crash}
build = Trains
"""


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (16, 28, 28), np.uint8))
    return path


@pytest.fixture
def crashing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contestants of our own that fail: at the start, in between, and without a word."""
    kinds = {
        "raises": (3, "raise RuntimeError('no more')"),
        "dies": (3, "import os; print('last words', flush=True); os._exit(3)"),
        "other": (99, "pass"),
    }
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    for name, (left, crash) in kinds.items():
        (tmp_path / f"{name}.py").write_text(CRASHING.format(left=left, crash=crash))
        monkeypatch.setitem(CONTESTANTS, name, Entry(name, name, "", {"PYTHONPATH": path}))
    text = CRASHING.format(left=9, crash="pass").replace("18913", "7")
    (tmp_path / "wrong.py").write_text(text)
    monkeypatch.setitem(CONTESTANTS, "wrong", Entry("wrong", "wrong", "", {"PYTHONPATH": path}))
    monkeypatch.setitem(CONTESTANTS, "missing", Entry("missing", "no_such_module"))


@pytest.fixture(autouse=True)
def quick_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "gflops", lambda threads: 100.0)


def test_who_fails_is_told_and_the_others_go_on(crashing: None, shown: Path) -> None:
    said: list[str] = []
    names = ("missing", "raises", "wrong", "dies", "other")
    found = race.race(Block("cae-4", 4, 8, names), shown, 2, 1, said.append)
    assert set(found["errors"]) == {"missing", "raises", "wrong", "dies"}
    assert "no_such_module" in found["errors"]["missing"]
    assert found["errors"]["raises"] == "RuntimeError: no more"
    assert found["errors"]["dies"] == "its process ended with code 3: last words"
    assert "18,913 parameters; it has 7" in found["errors"]["wrong"]
    assert [set(round_) for round_ in found["rounds"]] == [{"other"}, {"other"}]
    assert len(found["peaks"]) == 3
    assert any("missing is left out" in line for line in said)


@pytest.mark.parametrize(("rounds", "starts"), [(4, 3), (2, 2)])
def test_rounds_are_shared_out_over_starts(
    rounds: int, starts: int, crashing: None, shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, begun, start = list[str](), list[int](), race._started
    monkeypatch.setattr(race, "_started", lambda *given: begun.append(1) or start(*given))
    block = Block("cae-4", 4, 8, ("missing", "other"), starts=3)
    found = race.race(block, shown, rounds, 1, said.append)
    assert len(begun) == found["starts"] == starts
    assert found["rounds"] and all(set(each) == {"other"} for each in found["rounds"])
    assert (len(found["rounds"]), len(found["peaks"])) == (rounds, rounds + 1)
    assert sum("missing is left out" in line for line in said) == 1, "it is not tried again"


def test_memory_is_told_of_those_that_train(crashing: None, shown: Path) -> None:
    found = race.memory(Block("cae-4", 4, 8, ("missing", "other")), shown, 1, lambda _: None)
    assert set(found["errors"]) == {"missing"}
    assert found["peak_mb"]["other"] > 1


def test_another_one_begins_each_round() -> None:
    turns = [race._rotated(["a", "b", "c"], number) for number in range(4)]
    assert turns == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


@pytest.mark.slow
def test_a_benchmark_from_beginning_to_end(
    shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """latens and PyTorch train, figures are written, the page is made of them, and again."""
    block = Block("cae-4", 4, 4, ("latens-pure", "bare", "torch-channels-last"))
    monkeypatch.setattr(images, "written", lambda folder: (shown, "random images"))
    monkeypatch.setattr(bench, "build_kernels", lambda: None)
    monkeypatch.setattr(bench, "BLOCKS", [block])
    monkeypatch.setattr(bench, "NAMES", (block.name, "memory"))
    monkeypatch.setattr(bench, "MEMORY", Block("cae-4", 4, 8, ("command",)))
    page, arguments = tmp_path / "out.md", ["--threads", "1", "--rounds", "1"]
    bench.main([*arguments, "--results", str(tmp_path), "--page", str(page)])
    found = json.loads((tmp_path / "speed.json").read_text())
    assert not found["blocks"]["cae-4-4"]["errors"]
    assert set(found["blocks"]["cae-4-4"]["rounds"][0]) == set(block.contestants)
    assert found["memory"]["peak_mb"]["command"] > 50
    assert page.read_text() == bench.write_performance.page(tmp_path)
    monkeypatch.setattr(bench, "BLOCKS", [])
    monkeypatch.setattr(bench, "MEMORY", Block("cae-4", 4, 8, ()))
    bench.main([*arguments, "--results", str(tmp_path), "--page", str(page), "--only", "memory"])
    again = json.loads((tmp_path / "speed.json").read_text())
    assert again["blocks"] == found["blocks"], "what is not run again is kept"


def test_images_of_the_right_shape_come_from_somewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "BESIDE", tmp_path / "nothing")
    monkeypatch.setenv("LATENS_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(images, "COUNT", 32)
    path, words = images.written(tmp_path)
    found = np.load(path, allow_pickle=False)
    assert found.shape == (32, 28, 28)
    assert found.dtype == np.uint8
    assert "MNIST was not at hand" in words


def test_mnist_is_taken_from_where_it_is(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENS_DATA", str(shared / "data"))
    found, words = images.mnist_or_random()
    assert found.shape == (60_000, 28, 28)
    assert words == "MNIST"


def test_the_machine_has_a_peak() -> None:
    assert calibrate.gflops(1, seconds=0.02, side=64) > 0
