"""What to type next fits the very run: its images, labels, size and source."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Any

import pytest

from latens.report.next_step import FEW, PYTHON, SHELL, Step, step

RUN = Path("runs/a b")
LABELLED = {"class_names": ["cat", "dog"]}


def done(*names: str) -> dict[str, Any]:
    """Results of these names, with a number each."""
    return {name: ({"images": 3}, {}) for name in names}


def spec(source: str, task: str = "pretrain", **more: Any) -> dict[str, Any]:
    return {"task": task, "data": {"source": source}, **more}


def test_few_labels_are_only_proposed_where_there_are_more() -> None:
    held = done("reconstruction")
    many = step(held, spec("mnist"), RUN, LABELLED, FEW + 1)
    some = step(held, spec("mnist"), RUN, LABELLED, FEW)
    assert shlex.split(many.command)[-4:] == ["--encoder", "runs/a b", "--labels", str(FEW)]
    assert shlex.split(some.command)[-2:] == ["--encoder", "runs/a b"]
    assert many.prompt == SHELL


@pytest.mark.parametrize("classes", [[], ["cat"]])
def test_without_two_classes_nothing_is_classified(classes: list[str]) -> None:
    about = {"class_names": classes}
    held = done("reconstruction")
    assert step(held, spec("x"), RUN, about).command == "latens evaluate 'runs/a b'"
    assert step({**held, **done("reconstruction-test")}, spec("x"), RUN, about) == Step()


@pytest.mark.parametrize(
    ("held", "task", "word"),
    [
        (done("reconstruction"), "pretrain", "latens.classify(images, encoder='runs/a b')"),
        (done("training"), "classify", "latens.evaluate('runs/a b', images)"),
    ],
)
def test_images_from_a_program_are_used_from_a_program(
    held: dict[str, Any], task: str, word: str
) -> None:
    found = step(held, spec("array", task), RUN, LABELLED)
    assert (found.command, found.prompt) == (word, PYTHON)


def test_an_unfinished_run_from_a_program_needs_its_images_again() -> None:
    found = step({}, spec("array"), RUN)
    assert "--resume 'runs/a b'" in found.command and "IMAGES.npz" in found.command
    assert "arrays" in found.why


def test_a_comparison_hands_on_what_its_autoencoders_were_asked() -> None:
    asked = {
        "size": [28, 32], "channels": 1, "keep": {"a cat": 5}, "latent": 8, "tied": True,
        "noise": [{"name": "gaussian", "strength": [0.1, 0.5]}, {"name": "mask"}],
        "augment": [], "hidden": [64, 32], "overrides": {"encoder.down_after": [1, 3]},
    }  # fmt: skip
    found = step(done("comparison"), spec("mnist", "compare", pretrain=asked), RUN)
    words = shlex.split(found.command)
    assert words[:3] == ["latens", "pretrain", "mnist"]
    pairs = dict(itertools.pairwise(words))
    assert pairs["--size"] == "28x32" and pairs["--keep"] == "a cat=5"
    assert pairs["--noise"] == "gaussian=0.1..0.5,mask" and pairs["--augment"] == "none"
    assert pairs["--hidden"] == "64,32" and pairs["--set"] == "encoder.down_after=[1,3]"
    assert "--tied" in words and "True" not in words


def test_a_comparison_from_a_program_goes_on_in_a_program() -> None:
    found = step(done("comparison"), spec("array", "compare", pretrain={"latent": 8}), RUN)
    assert found == Step("latens.pretrain(images, out='my-encoder', latent=8)", found.why, PYTHON)


def test_absolute_paths_are_shortened_and_names_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    held = done("reconstruction")
    near = step(held, spec(str(tmp_path / "my pictures")), RUN, LABELLED)
    assert "classify 'my pictures' " in near.command
    assert "classify mnist " in step(held, spec("mnist"), RUN, LABELLED).command
