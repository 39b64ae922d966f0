"""Nothing that is loaded can run code: no way to pickle, eval or exec is in the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import latens

SOURCE = Path(latens.__file__).parent
RESTRICTED = "data/safe_pickle.py"  # the unpickler that admits arrays, strings and numbers only
PICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
RUNNERS = {"eval", "exec", "compile", "__import__"}
LOADERS = {"numpy": {"load"}, "torch": {"load", "jit"}, "pandas": {"read_pickle"}}


def dangers(source: str) -> Iterator[str]:
    """What in this source could run code that a file holds."""
    tree = ast.parse(source)
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"line {node.lineno}: {name}" for name in _picklers(node))
        elif isinstance(node, ast.Call):
            name = _full_name(node.func, aliases)
            if name in RUNNERS or _loads_unsafely(name, node):
                yield f"line {node.lineno}: {name}"


def _aliases(tree: ast.AST) -> dict[str, str]:
    """Local name to the full name it stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.asname or a.name: a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return found


def _picklers(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if PICKLERS & set(name.split("."))]


def _full_name(function: ast.expr, aliases: dict[str, str]) -> str:
    dotted = ast.unparse(function)
    first, _, rest = dotted.partition(".")
    return ".".join(filter(None, (aliases.get(first, first), rest)))


def _loads_unsafely(name: str, call: ast.Call) -> bool:
    package, _, rest = name.partition(".")
    if any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in call.keywords):
        return True
    if rest.split(".")[0] not in LOADERS.get(package, set()):
        return False
    return package != "numpy" or not any(k.arg == "allow_pickle" for k in call.keywords)


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda f: f.stem)
def test_nothing_unpickles(file: Path) -> None:
    found = list(dangers(file.read_text("utf-8")))
    if file.relative_to(SOURCE).as_posix() == RESTRICTED:
        found = [danger for danger in found if not danger.endswith(": pickle")]
    assert not found, f"{file.relative_to(SOURCE)} could run code from a file: {found}"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "import joblib",
        "from sklearn.externals import joblib",
        "import torch\ntorch.load(p)",
        "import torch\ntorch.load(p, weights_only=True)",
        "from torch import load\nload(p)",
        "import numpy as np\nnp.load(p)",
        "import numpy as np\nnp.load(p, allow_pickle=True)",
        "import numpy as np\nnp.save(p, x, allow_pickle=flag)",
        "from numpy import load as fetch\nfetch(p)",
        "eval(text)",
        "exec(text)",
    ],
)
def test_the_check_sees_what_is_dangerous(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import json\njson.load(f)",
        "import numpy as np\nnp.load(p, allow_pickle=False)",
    ],
)
def test_the_check_lets_pass_what_is_not(source: str) -> None:
    assert not list(dangers(source))
