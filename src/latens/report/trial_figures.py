"""Figures of a table of trials that have two plain axes, or bars: history, front, importance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latens.report import style
from latens.report.scales import Scale
from latens.report.table import Column, State, Table, pareto

# Viridis without its palest end, which is lost on white paper.
COLOURS = LinearSegmentedColormap.from_list(
    "viridis without its end",
    ["#440154", "#482777", "#3f4a8a", "#31678e", "#26838f", "#1f9d8a", "#42b873", "#7fc34a"],
)
MARKS: dict[State, str] = {"complete": "o", "pruned": "^", "failed": "x", "running": "+"}


@style.styled
def history(table: Table) -> Figure | None:
    """The score of each trial and the best so far; None where no trial has a finite score."""
    score = table.score()
    if score is None or not np.isfinite(table.numbers(score.name)).any():
        return None
    numbers = np.asarray(table.numbers(score.name))
    trials = np.arange(1, len(numbers) + 1)
    made = style.figure(3.2)
    ax = made.add_subplot()
    _points(ax, table, trials, numbers)
    done = np.isfinite(numbers) & (np.asarray(table.states()) == "complete")
    if done.any():
        best = np.maximum if score.goal == "maximize" else np.minimum
        reached = best.accumulate(numbers[done])
        ax.step(
            np.append(trials[done], trials[-1]), np.append(reached, reached[-1]),
            where="post", color=style.INK, linewidth=1.4, label="best so far",
        )  # fmt: skip
    _scale(ax, score, numbers, "y")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="trial", ylabel=style.label(score.name, 30))
    _legend(ax)
    return made


@style.styled
def front(table: Table, cost: str, score: str) -> Figure | None:
    """Scores against costs; a line joins the trials that no other beats in both."""
    x, y = np.asarray(table.numbers(cost)), np.asarray(table.numbers(score))
    if not (np.isfinite(x) & np.isfinite(y)).any():
        return None
    made = style.figure(3.4)
    ax = made.add_subplot()
    _points(ax, table, x, y)
    rows = pareto(table, cost, score)
    ax.plot(
        x[rows], y[rows], color=style.INK, linewidth=1.3, drawstyle="steps-post",
        marker="o", markersize=8, markerfacecolor="none", label="no other is better in both",
    )  # fmt: skip
    _scale(ax, table.column(cost), x, "x")
    _scale(ax, table.column(score), y, "y")
    ax.set(xlabel=style.label(cost, 30), ylabel=style.label(score, 30))
    _legend(ax)
    return made


@style.styled
def importance(table: Table, shares: Mapping[str, float]) -> Figure | None:
    """A bar for each share, the largest on top; None where there are none."""
    known = [(table.column(name).name, share) for name, share in shares.items()]
    bars = sorted((bar for bar in known if np.isfinite(bar[1])), key=lambda bar: bar[1])
    if not bars:
        return None
    made = style.figure(0.9 + 0.28 * len(bars))
    ax = made.add_subplot()
    places = range(len(bars))
    ax.barh(places, [share for _, share in bars], color=style.BLUE, height=0.65)
    ax.set_yticks(places, [style.label(name, 26) for name, _ in bars])
    for place, (_, share) in enumerate(bars):
        ax.annotate(
            f"{100 * share:.0f}%", (share, place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=8.5,
        )  # fmt: skip
    ax.set(xticks=[], xlim=(0, max(share for _, share in bars) * 1.15 or 1))
    ax.spines["bottom"].set_visible(False)
    ax.grid(False)
    ax.set_title("Share of the score's variation explained")
    return made


def colours_of(score: Column) -> Colormap:
    """Colours from the lowest to the highest score; the better ones are dark and stand out."""
    return COLOURS.reversed() if score.goal == "maximize" else COLOURS


def name_colours(figure: Figure, ax: Axes, score: Column, scale: Scale) -> None:
    """A bar beside the axes that says which colour is which score."""
    colours = ScalarMappable(Normalize(scale.base, 1), colours_of(score))
    bar = figure.colorbar(colours, ax=ax, pad=0.02, aspect=28)
    numbers = [(unit, tick) for unit, tick in scale.ticks if unit >= scale.base]
    bar.set_ticks([unit for unit, _ in numbers], labels=[tick for _, tick in numbers])
    bar.set_label(style.label(score.name, 30))
    bar.outline.set_visible(False)


def _legend(ax: Axes) -> None:
    """Above the points, so that it hides none."""
    ax.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=4, fontsize=8.5, columnspacing=1
    )


def _points(
    ax: Axes,
    table: Table,
    x: npt.NDArray[np.float64 | np.int64],
    y: npt.NDArray[np.float64],
) -> None:
    """A mark a trial, whose form says how it ended."""
    states = np.asarray(table.states())
    for state, mark in MARKS.items():
        rows = (states == state) & np.isfinite(x) & np.isfinite(y)
        if rows.any():
            colour = style.BLUE if state == "complete" else style.VERMILLION
            size = 22 if len(x) < 300 else 6
            ax.scatter(x[rows], y[rows], s=size, marker=mark, color=colour, label=state, alpha=0.8)


def _scale(ax: Axes, column: Column, numbers: npt.NDArray[np.float64], which: str) -> None:
    """A log axis where the column asks for one and all its numbers can stand there."""
    finite = numbers[np.isfinite(numbers)]
    if column.log and (finite > 0).all():
        ax.set(**{f"{which}scale": "log"})
