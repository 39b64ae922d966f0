"""Figures and a page from what a run holds. A report only draws: it computes no result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from latens.errors import RunError
from latens.progress import Progress, silent
from latens.report import explored, figures, headlines, next_step, sections, words
from latens.report.figures import Drawing, Result, RunLike
from latens.report.page import Section, write_page

ORDER = (
    "study",
    "comparison",
    "classification",
    "reconstruction-test",
    "reconstruction",
    *explored.TITLES,
    "training",
)
PAGE = "index.html"


def build(run: RunLike, *, next_command: str | None = None, progress: Progress = silent) -> Path:
    """Draw the figures, write RUN/report/index.html, return its path.

    Works for pretrained, classifying and evaluated runs, for comparisons, and for runs that are
    still training: what a run does not hold is not on its page. `next_command` replaces the
    proposed one. Raises `RunError` if the run cannot be read or the page not be written.
    """
    drawings = figures.save(run, progress)
    held = figures.gather(run)
    spec, environment = _asked(run, "spec"), _asked(run, "environment")
    step = next_step.step(held, spec, run.path, environment, _labelled(run))
    if next_command is not None:
        step = next_step.Step(next_command)
    return write_page(
        words.plain(run.path.name),
        [*_parts(held, drawings), *_background(spec, environment)],
        run.report_dir / PAGE,
        headline=headlines.headline(held, spec),
        kicker=_kicker(held, spec),
        step=step,
    )


def _parts(held: dict[str, Result], drawings: list[Drawing]) -> list[Section]:
    """Findings first, then the results in the order of their weight."""
    parts = []
    told = held.get("findings") or held.get("comparison") or ({}, {})
    notes = sections.findings(told[0])
    if notes:
        parts.append(Section("Findings", notes=notes))
    names = [name for name in held if name != "findings"]
    for name in sorted(names, key=_rank):
        own = tuple(drawing for drawing in drawings if drawing.result == name)
        parts.append(replace(sections.section(name, held[name][0]), figures=own))
    return parts


def _rank(name: str) -> tuple[int, str]:
    """The place of a result on the page: its own, else that of its kind, else the end."""
    known = name if name in ORDER else figures.kind(name)
    return ORDER.index(known) if known in ORDER else len(ORDER), name


def _background(spec: dict[str, Any], environment: dict[str, Any]) -> list[Section]:
    known = (("What was asked (spec)", spec), ("Environment", environment))
    return [sections.folded(title, values) for title, values in known if values]


def _asked(run: RunLike, what: str) -> dict[str, Any]:
    """The spec or the environment; empty where a folder has none, as comparisons may."""
    try:
        found = run.spec() if what == "spec" else run.environment()
    except (RunError, FileNotFoundError):
        return {}
    return found


def _labelled(run: RunLike) -> int | None:
    """How many training labels a run may use, where it has a split."""
    try:
        part = run.split().get("labelled")
    except (RunError, FileNotFoundError):
        return None
    return None if part is None else len(part)


def _kicker(held: dict[str, Result], spec: dict[str, Any]) -> str:
    data = spec.get("data")
    source = data.get("source") if isinstance(data, dict) else data
    if source is None and "comparison" in held:
        source = held["comparison"][0].get("data")
    if not source:  # imported without images: those of the last evaluation
        tested = (held[name][0].get("data") for name in ("classification", "reconstruction-test")
                  if name in held)  # fmt: skip
        source = next(filter(None, tested), None)
    parts = [next_step.kind(held, spec), f"mode {spec['mode']}" if spec.get("mode") else ""]
    if source:
        parts.append(f"data {words.plain(source)}")
    return " · ".join(part for part in parts if part)
