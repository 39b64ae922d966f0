"""Every command: help that fits the screen, an example that parses, and ``--json``."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_tiny import environment, latens, process

from latens.cli.main import app

WIDTH = 80


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from leaves(inner, (*path, name))
        else:
            yield (*path, name), inner


ROOT: Any = typer.main.get_command(app)
COMMANDS = dict(leaves(ROOT))
SESSIONS = ("autoencoder", "classification", "menu")
every = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def test_all_commands_are_there() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        "pretrain", "classify", "evaluate", "explore", "predict", "compare", "demo", "report",
        "doctor",
        "runs list", "runs show", "runs rm", "data list", "data check", "data pack",
        "study list", "study run", "study report",
        "sweep", "worker", "parallel", "import-keras", "export",
        *SESSIONS,
    }  # fmt: skip


def test_the_list_of_commands_has_whole_sentences() -> None:
    listed = latens("--help").out.replace("│", " ").split("Commands")[-1]
    assert "Look more closely at a finished run." in " ".join(listed.split())
    assert "WHAT is one of" not in listed


EARLY = """
import sys
from latens.cli.main import main
sys.argv = ["latens", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code in (2, 3, 4), end.code
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "pretrain digts", "pretrain ./none", "pretrain digits --out .",
        "pretrain digits --noise gausian=0.2", "pretrain digits --noise gaussian=3",
        "pretrain digits --schedule plateu", "pretrain --resume none",
        "classify digits --encoder none", "compare digits --augment flop", "evaluate none",
        "predict none x.png", "explore none maps", "study run mnist-cnm", "study report mnist-cnm",
    ],
)  # fmt: skip
def test_a_slip_is_told_before_torch_is_loaded(arguments: str, tmp_path: Path) -> None:
    done = subprocess.run(
        process("-c", EARLY, *arguments.split()),
        cwd=tmp_path, env=environment(), text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Error: Expected" in done.stderr


@every
def test_json_is_everywhere(path: tuple[str, ...]) -> None:
    if path[0] in SESSIONS:  # a talk is no document
        return
    assert "--json" in [option for param in COMMANDS[path].params for option in param.opts]


@every
def test_the_example_parses(path: tuple[str, ...]) -> None:
    """The example is one line that begins with this very command; its values are understood."""
    (line,) = [line for line in lines(path) if line.startswith("Example:")]
    words = shlex.split(line.removeprefix("Example:"))
    words = words[words.index("latens") + 1 :]
    assert tuple(words[: len(path)]) == path
    context = COMMANDS[path].make_context("latens", words[len(path) :])
    assert context.params


@every
def test_help_says_what_every_option_does(path: tuple[str, ...]) -> None:
    done = latens(*path, "--help")
    assert done.code == 0 and "Example:" in done.out
    for param in COMMANDS[path].params:
        assert param.help, param.name


@every
def test_help_is_not_wrapped_in_odd_places(path: tuple[str, ...]) -> None:
    assert max(len(line) for line in lines(path)) <= WIDTH - 2  # rich leaves a column each side


def lines(path: tuple[str, ...]) -> list[str]:
    return [line.strip() for line in COMMANDS[path].help.splitlines()]


@pytest.mark.parametrize("arguments", [[], ["runs"], ["data"]])
def test_a_command_alone_shows_what_there_is(arguments: list[str]) -> None:
    done = latens(*arguments)
    assert done.code == 2
    assert "Usage: latens" in done.out + done.err
    assert "Expected a command" in done.err and "--help" in done.err


def test_version() -> None:
    done = latens("--version")
    assert done.code == 0 and done.out.startswith("latens 0.")


LIGHT = """
import sys
from latens.cli.main import main
sys.argv = ["latens", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
heavy = {"torch", "sklearn", "scipy", "matplotlib", "optuna"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["pretrain", "--help"],
        ["sweep", "--help"],
        ["--version"],
        ["runs", "list"],
        ["data", "list"],
    ],
    ids=" ".join,
)
def test_listings_leave_torch_alone(arguments: list[str], tmp_path: Any) -> None:
    run(LIGHT, *arguments, cwd=tmp_path)


def test_showing_a_run_leaves_torch_alone(runs: Any) -> None:
    run(LIGHT, "runs", "list", cwd=runs)
    run(LIGHT, "runs", "show", "runs/clf", cwd=runs)


def test_importing_the_package_leaves_torch_alone(tmp_path: Any) -> None:
    run("import sys, latens; dir(latens); latens.LatensError; latens.ImageSet\n"
        "assert 'torch' not in sys.modules", cwd=tmp_path)  # fmt: skip


def run(code: str, *arguments: str, cwd: Any) -> None:
    done = subprocess.run(
        process("-c", code, *arguments), capture_output=True, text=True, cwd=cwd, env=environment()
    )
    assert done.returncode == 0, done.stderr
