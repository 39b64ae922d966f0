"""Pages of documentation as programs: their blocks, and running them in their order.

A block that says `sh` holds commands, `python` a program, or a file where the line before it names
one below src/latens; `diff` changes the file that is named so. As a script it runs one page.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
_FENCED = re.compile(r"^(?:([^\n]*)\n\n)?```(\w*)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`(src/latens/\S+\.py)`")


@dataclass(frozen=True)
class Block:
    """What stands between two fences, and the file that it is or changes, if any."""

    language: str
    body: str
    file: str = ""

    def commands(self) -> list[list[str]]:
        """The words of each command of a `sh` block."""
        lines = self.body.splitlines() if self.language == "sh" else []
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    found = _FENCED.findall(page.read_text("utf-8"))
    return [
        Block(language, body, "".join(_FILE.findall(before)[:1]))
        for before, language, body in found
    ]


def put_in_place(page: Path, root: Path) -> None:
    """Write the files of a page below `root`, and change those that it changes."""
    for block in blocks(page):
        target = root / block.file
        if block.file and block.language == "python":
            assert not target.exists(), f"{block.file} is there already"
            target.write_text(block.body, "utf-8")
        if block.file and block.language == "diff":
            target.write_text(_changed(target.read_text("utf-8"), block), "utf-8")


def _changed(text: str, block: Block) -> str:
    lines = block.body.splitlines()
    old, new = ("\n".join(x[1:] for x in lines if x[:1] in (" ", sign)) for sign in "-+")
    assert text.count(old) == 1, f"{block.file} has not these lines once:\n{old}"
    return text.replace(old, new)


def run(page: Path, shrunk: Mapping[str, str] | None = None) -> None:
    """Run commands and programs of a page here; `shrunk` replaces words by others, `|` between."""
    for block in blocks(page):
        for command in block.commands():
            _run_command([w for word in command for w in _instead(word, shrunk or {})])
        if block.language == "python" and not block.file:
            _run_python(block.body, page)


def _instead(word: str, shrunk: Mapping[str, str]) -> list[str]:
    return shrunk[word].split("|") if word in shrunk else [word]


def _run_command(words: list[str]) -> None:
    """Run a command of latens; ``printf 'TEXT' | latens ...`` pipes the text into it."""
    from latens.cli.main import main

    typed = io.StringIO()
    if words[0] == "printf" and words[2] == "|":
        typed = io.StringIO(words[1].replace("\\n", "\n"))
        words = words[3:]
    if words[0] == "torchrun":
        subprocess.run([sys.executable, "-m", "torch.distributed.run", *words[1:]], check=True)
        return
    assert words[0] == "latens", f"a page's commands are those of latens: {words}"
    out, code = io.StringIO(), None
    answers = patch.object(sys, "stdin", typed)
    with patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(out), answers:
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert code == 0, f"{shlex.join(words)}\n{out.getvalue()}"


def _run_python(code: str, page: Path) -> None:
    """Run a program; what it prints of a shape is what the comment beside it says."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
    printed = out.getvalue()
    for shape in re.findall(r"print\(.*shape\)  # \w+ \[(.*?)\]", code):
        assert shape in printed, f"{page.name}: [{shape}], got {printed}"


if __name__ == "__main__":
    run(Path(sys.argv[1]))
