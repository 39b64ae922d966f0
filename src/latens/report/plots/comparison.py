"""Arms side by side at each label budget, and their differences to training from scratch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latens.report import style, words

CAPTIONS = {
    "arms": "Test accuracy. Each pale mark is one seed, the filled mark their mean, the line the "
    "95% interval of the mean.",
    "differences": "Difference to the same network trained from scratch on the same labels and "
    "seeds, in percentage points, with its 95% interval. Blue: a gain; orange: a loss; grey: "
    "the data do not show one or the other.",
}
Row = tuple[str, dict[str, Any] | None]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """*arms* and *differences*, each where there are any."""
    figures = {}
    if result.get("arms"):
        figures["arms"] = _arms(result["arms"])
    if result.get("comparisons"):
        figures["differences"] = _differences(result["comparisons"])
    return figures


def grouped(items: list[dict[str, Any]]) -> list[Row]:
    """Rows from top to bottom: a heading for each label budget, then its items."""
    budgets = list(dict.fromkeys(item.get("labels") for item in items))
    rows: list[Row] = []
    for budget in budgets:
        rows.append((words.labels(budget), None))
        rows += [(str(i.get("mode", "?")), i) for i in items if i.get("labels") == budget]
    return rows


def _canvas(rows: list[Row]) -> tuple[Figure, Axes]:
    """A figure with a line for each row, headings in bold, room for numbers on the right."""
    figure = style.figure(0.75 + 0.32 * len(rows))
    ax = figure.subplots()
    ax.set_yticks(range(len(rows)), [style.label(name, 22) for name, _ in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(False, axis="y")
    ax.spines["left"].set_visible(False)
    for tick, (_, item) in zip(ax.get_yticklabels(), rows, strict=True):
        if item is None:
            tick.set_fontweight("bold")
    for y, (_, item) in enumerate(rows):
        if item is None and y:
            ax.axhline(y - 0.5, color=style.FAINT, linewidth=0.8)
    return figure, ax


def _arms(arms: list[dict[str, Any]]) -> Figure:
    rows = grouped(arms)
    figure, ax = _canvas(rows)
    for y, (name, arm) in enumerate(rows):
        if arm is not None:
            _arm(ax, y, name, arm)
    ax.set_xlabel("test accuracy")
    ax.margins(x=0.06)
    style.value_ticks(ax.xaxis, "%")
    return figure


def _arm(ax: Axes, y: int, name: str, arm: dict[str, Any]) -> None:
    colour, marker = style.mode(name)
    seeds = [value for value in map(words.finite, arm.get("accuracies") or []) if value is not None]
    # seeds fan out a little, so that equal ones can be counted
    offsets = np.linspace(-0.16, 0.16, len(seeds)) if len(seeds) > 1 else np.zeros(len(seeds))
    ax.plot(seeds, y + offsets, marker, color=colour, alpha=0.45, ms=4, mew=0, ls="")
    _interval(ax, y, arm, "mean", colour, marker)
    _number(ax, y, words.percent(arm.get("mean")), colour)


def _interval(
    ax: Axes, y: int, item: dict[str, Any], middle: str, colour: str, marker: str
) -> None:
    low, high, value = (words.finite(item.get(key)) for key in ("low", "high", middle))
    if low is not None and high is not None:
        ax.plot([low, high], [y, y], color=colour, lw=2.2)
    if value is not None:
        ax.plot([value], [y], marker, color=colour, ms=6.5, mec=style.PAPER, mew=1.0)


def _number(ax: Axes, y: int, text: str, colour: str, x: float = 1.02, align: str = "left") -> None:
    look: dict[str, Any] = {"va": "center", "color": colour, "fontsize": 9.5}
    ax.text(x, y, text, transform=ax.get_yaxis_transform(), ha=align, **look)


def _differences(comparisons: list[dict[str, Any]]) -> Figure:
    rows = grouped(comparisons)
    figure, ax = _canvas(rows)
    ax.axvline(0, color=style.INK, linewidth=1)
    for y, (name, item) in enumerate(rows):
        if item is not None:
            colour = style.VERDICTS.get(str(item.get("verdict")), style.MUTED)
            _interval(ax, y, item, "difference", colour, style.mode(name)[1])
            _number(ax, y, words.points(item.get("difference")), colour, 1.14, "right")
            p = words.p_value(item.get("p_corrected", item.get("p")))
            _number(ax, y, p, colour, 1.17)
    ax.set_xlabel("points of test accuracy, against training from scratch")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.005), max(high, 0.005))  # a zero line at the very edge is not seen
    style.difference_ticks(ax.xaxis, 100)
    return figure
