"""Imports go only downwards, in no circle, and the cheap commands stay without torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import latens

SOURCE = Path(latens.__file__).parent
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(rooms.split())
    for rooms in (
        "spec choices catalog errors processes progress recipes recipes_by_name seeds",
        "runs stats",
        "kernels",
        "nn corrupt data metrics",
        "objectives",
        "train",
        "evaluation transfer search",
        "report checks studies export formats",
        "app",
        "latens cli __main__ menu estimators web",
    )
)
TOP, LOWEST = len(FLOORS) - 1, 0
NO_TORCH = FLOORS[0] | FLOORS[1]
Edge = tuple[str, str]


def modules() -> dict[str, Path]:
    """Dotted name to file, for every module of the package."""
    return {_dotted(file): file for file in sorted(SOURCE.rglob("*.py"))}


def _dotted(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, known: Iterable[str], package: str = "latens") -> Iterator[str]:
    """Everything that the source imports, inside functions and TYPE_CHECKING too.

    `from latens.a import b` is the module `latens.a.b` where there is one, and else `latens.a`.
    """
    known = set(known)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in known else base


def edges(files: dict[str, Path]) -> set[Edge]:
    """Pairs of (module, what it imports), inside the package and out of it."""
    found: set[Edge] = set()
    for name, file in files.items():
        tree = ast.parse(file.read_text("utf-8"))
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        found |= {(name, target) for target in imports(tree, files, package) if target != name}
    return found


def room(module: str) -> str:
    """`latens.data.sources.idx` stands in the room `data`."""
    return module.partition(".")[2].partition(".")[0] or "latens"


def floor(module: str) -> int | None:
    """The number of the floor, from the lowest; None for a room that nobody put on one."""
    return next((i for i, rooms in enumerate(FLOORS) if room(module) in rooms), None)


def forbidden(edge: Edge) -> bool:
    """Whether this edge leads upwards, or sideways into another room.

    The lowest floor is one room in this sense, and so is the top, which is entered by `latens`,
    `__main__` and `cli` alike.
    """
    low, high = (floor(module) for module in edge)
    if low is None or high is None:
        return True
    sideways = low == high and room(edge[0]) != room(edge[1]) and low not in (LOWEST, TOP)
    return high > low or sideways


def inner(found: Iterable[Edge]) -> set[Edge]:
    return {edge for edge in found if edge[1].split(".")[0] == "latens"}


def circle(found: Iterable[Edge]) -> list[str] | None:
    """Modules that import each other in a circle, or None."""
    graph: dict[str, set[str]] = {}
    for start, end in found:
        graph.setdefault(start, set()).add(end)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run on import: not those in functions or under TYPE_CHECKING."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def heavy_on_import(file: Path, *packages: str) -> set[str]:
    """Which of these packages the module imports as soon as it is imported itself."""
    found: set[str] = set()
    for node in module_level(ast.parse(file.read_text("utf-8"))):
        found |= {name.split(".")[0] for name in imports(node, ())}
    return found & set(packages)


def test_every_room_stands_on_a_floor() -> None:
    homeless = {room(name) for name in modules() if floor(name) is None}
    assert not homeless, f"give these rooms a floor in this test: {sorted(homeless)}"


def test_imports_go_downwards() -> None:
    wrong = sorted(f"{a} imports {b}" for a, b in inner(edges(modules())) if forbidden((a, b)))
    assert not wrong, "imports must go down to a lower floor:\n" + "\n".join(wrong)


def test_no_circles() -> None:
    assert circle(inner(edges(modules()))) is None


@pytest.mark.parametrize("name", sorted(n for n in modules() if room(n) in NO_TORCH))
def test_the_lowest_floors_never_import_torch(name: str) -> None:
    assert "torch" not in {end.split(".")[0] for _, end in edges({name: modules()[name]})}


@pytest.mark.parametrize("name", sorted(n for n in modules() if room(n) == "data"))
def test_data_waits_with_torch(name: str) -> None:
    allowed = {"torch"} if name == "latens.data.batches" else set()
    heavy = heavy_on_import(modules()[name], "torch", "sklearn", "matplotlib")
    assert heavy <= allowed, f"{name} must import {sorted(heavy)} inside a function"


@pytest.mark.parametrize(
    "edge",
    [
        ("latens.nn.model", "latens.train.loop"),
        ("latens.nn.model", "latens.data.batches"),
        ("latens.metrics", "latens.nn.model"),
        ("latens.data.load", "latens.stray"),
        ("latens.spec", "latens"),
        ("latens.train.loop", "latens.cli.main"),
        ("latens.report.build", "latens.checks.run"),
    ],
)
def test_the_check_sees_a_wrong_edge(edge: Edge) -> None:
    assert forbidden(edge)


def test_the_check_sees_hidden_imports() -> None:
    source = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from latens import errors
def late():
    import latens.train.loop
    from ..data import batches
    from .layers import x
"""
    known = ("latens.errors", "latens.data.batches")
    found = set(imports(ast.parse(source), known, "latens.nn"))
    assert {"latens.errors", "latens.train.loop", "latens.data.batches"} <= found
    assert "latens.nn.layers" in found


def test_the_check_sees_a_circle() -> None:
    assert circle([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")])


def test_the_check_tells_import_time_from_later(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text("try:\n    import torch\nexcept ImportError:\n    pass\n")
    assert heavy_on_import(file, "torch") == {"torch"}
    file.write_text("def late():\n    import torch\n")
    assert not heavy_on_import(file, "torch")


WITHOUT = """
import sys
sys.argv = ["latens", *{arguments!r}]
from latens.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, f"exit code {{end.code}}"
heavy = {{"torch", "sklearn", "matplotlib", "scipy", "optuna"}} & set(sys.modules)
assert not heavy, f"imported: {{sorted(heavy)}}"
"""


@pytest.mark.parametrize("command", ["--help", "runs list", "data list"])
def test_cheap_commands_leave_torch_alone(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(arguments=command.split())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout or done.stderr, "the command said nothing"
