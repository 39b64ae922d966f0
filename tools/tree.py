"""Write the README's tree of files from the first line of each module's docstring.

python tools/tree.py          # rewrite the part between the two marks
python tools/tree.py --check  # exit 1 if it is out of date
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- tree -->\n", "<!-- /tree -->"


def tree(folder: Path, depth: int = 0) -> list[str]:
    """A line for each folder and module below `folder`; folders after files."""
    lines = []
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py":
            lines.append(line(file.name, file, depth))
    for inner in sorted(folder.iterdir()):
        if inner.joinpath("__init__.py").exists():
            lines.append(line(f"{inner.name}/", inner / "__init__.py", depth))
            lines += tree(inner, depth + 1)
    return lines


def line(name: str, file: Path, depth: int) -> str:
    said = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n")[0]
    start = f"{'  ' * depth}{name}"
    return f"{start:<26} {said}".rstrip()


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    body = "\n".join(["```", "src/latens/", *tree(ROOT / "src" / "latens", 1), "```"])
    new = f"{before}{BEGIN}{body}\n{END}{after}"
    if "--check" in sys.argv:
        if new != text:
            sys.exit("Run python tools/tree.py: the README's tree is out of date.")
        return
    readme.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
