"""One self-contained page: nothing is requested from anywhere, nothing on it can run.

Everything that comes from users (class names, paths, messages) goes through jinja2's autoescape,
and a content security policy in the page forbids scripts and requests besides.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined

from latens.report import words
from latens.report.figures import Drawing
from latens.report.next_step import Step
from latens.runs import atomic

Tone: TypeAlias = Literal["plain", "gain", "loss", "unsure"]
CSS_PIXELS = 96  # an inch on a screen, by definition


@dataclass(frozen=True)
class Headline:
    """The first thing on the page: one number or verdict, and one sentence in plain words."""

    value: str
    sentence: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of words; the first column is a name, the others are aligned as numbers.

    A row that is empty is a rule, as scikit-learn sets averages apart; a row of one cell is a
    heading for those below. `fold` hides a long table behind its title. `words` are the columns
    (from 0) whose cells are words: these may be broken into lines and begin at the left.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    fold: bool = False
    words: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Note:
    """A finding: `severity` is info, warning or error."""

    severity: str
    message: str
    code: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page: facts (number, what it is), notes, sentences, figures and tables."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    sentences: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    figures: tuple[Drawing, ...] = ()
    tables: tuple[Table, ...] = ()
    fold: bool = field(default=False)


def write_page(
    title: str,
    sections: Sequence[Section],
    out: Path,
    *,
    headline: Headline,
    kicker: str = "",
    step: Step | None = None,
) -> Path:
    """Write the page to `out` and return it.

    `kicker` is the small line above the title, `step` what to type next. Raises
    `TrainingError` (``disk-full``, ``not-writable``) where the disk does not take it.
    """
    page = _environment().get_template("page.html.j2")
    html = page.render(
        title=words.plain(title),
        sections=sections,
        headline=headline,
        kicker=kicker,
        step=step or Step(),
    )
    content = html.encode("utf-8", errors="replace")
    atomic.write(out, lambda file: file.write(content))
    return out


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("latens.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = _inline
    environment.filters["pixels"] = lambda inches: round(inches * CSS_PIXELS)
    return environment


def _inline(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
