"""Write the README's table of studies from the numbers in docs/results/.

python tools/results.py          # rewrite the part between the two marks
python tools/results.py --check  # exit 1 if it is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from latens.errors import plural
from latens.report.study import value

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- studies -->\n", "<!-- /studies -->"
HEAD = ("study", "question", "best on validation", "test, mean", "the reports")


def row(file: Path) -> tuple[str, ...]:
    """One study: its arm that validation chose, and the report's number for the same thing."""
    result: dict[str, Any] = json.loads(file.read_text("utf-8"))
    arm = next(arm for arm in result["arms"] if arm["name"] == result["chosen"])
    theirs = [f"{item['value']}" for item in result["reported"] if item.get("ours")]
    link = f"[{result['name']}](docs/results/{file.stem}.md) ({result['scale']})"
    figure = f"**{value(arm['mean'], arm['unit'])}** ({plural(len(arm['test']), 'seed')})"
    return link, result["question"], arm["name"], figure, ", ".join(theirs)


def table() -> str:
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [row(file) for file in sorted((ROOT / "docs" / "results").glob("*.json"))]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in rows)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    new = f"{before}{BEGIN}{table()}{END}{after}"
    if "--check" not in sys.argv:
        readme.write_text(new, "utf-8")
    elif new != text:
        sys.exit("Run python tools/results.py: the README's table of studies is out of date.")


if __name__ == "__main__":
    main()
