"""A table of trials as figures for a paper: parallel coordinates, scatter matrix and others."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from latens.report import style, trial_figures
from latens.report.scales import Scale, Units
from latens.report.table import Column, State, Table
from latens.runs import atomic

DPI = 200  # for print
SPACING = 1.15  # inches between two axes
MOST_CELLS = 5  # columns of the scatter matrix
MARGIN = 0.06  # around the points of its cells, as a share of them
Shade: TypeAlias = str | tuple[float, ...]
LINES: dict[State, str] = {"complete": "-", "pruned": "--", "failed": ":", "running": "-."}


def figures(
    table: Table,
    folder: Path,
    *,
    importance: Mapping[str, float] | None = None,
    front: Sequence[tuple[str, str]] = (),
) -> list[Path]:
    """Write PNG files into `folder` (made where it is not there) and return their paths.

    parallel.png, and matrix.png and history.png where there are numbers to draw; importance.png and
    front-COST.png where they are given. Arguments and errors are those of
    `latens.report.parallel.page`.
    """
    table.refuse_empty()
    with atomic.told_if_full(folder):
        folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        "parallel": parallel(table),
        "matrix": matrix(table, importance or {}),
        "history": trial_figures.history(table),
        "importance": trial_figures.importance(table, importance or {}),
        **{
            f"front-{_file(cost)}": trial_figures.front(table, cost, score) for cost, score in front
        },
    }
    return [_save(folder / f"{name}.png", figure) for name, figure in drawn.items() if figure]


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)[:40]


def _save(path: Path, figure: Figure) -> Path:
    raw = io.BytesIO()
    with style.look():
        figure.savefig(raw, format="png", dpi=DPI)
    atomic.write(path, lambda file: file.write(raw.getvalue()))
    return path


@style.styled
def parallel(table: Table) -> Figure:
    """A line for each trial across the axes of the table, coloured by its score.

    Broken lines are trials that were pruned or failed; better ones lie on top.
    """
    columns = table.axes()
    scales = [Scale.of(column, table.values(column.name)) for column in columns]
    shades, ramp = shades_of(table)
    made = style.figure(3.6, max(style.WIDTH, SPACING * (len(columns) - 1) + 1.6))
    ax = made.add_subplot()
    _draw_lines(ax, table, np.stack([scale.unit for scale in scales], axis=1), shades)
    for place, (column, scale) in enumerate(zip(columns, scales, strict=True)):
        _draw_axis(ax, place, column, scale)
    ax.set(xlim=(-0.3, len(columns) - 0.4), ylim=(-0.03, 1.03))
    ax.set_axis_off()
    if ramp is not None:
        trial_figures.name_colours(made, ax, *ramp)
    _name_states(ax, table)
    return made


def shades_of(table: Table) -> tuple[list[Shade], tuple[Column, Scale] | None]:
    """A colour a trial, by its score; and the score and its scale where there is one."""
    score = table.score()
    if score is None:
        return [style.BLUE] * len(table.rows), None
    scale = Scale.of(score, table.values(score.name))
    known = np.isfinite(table.numbers(score.name))
    colours = trial_figures.colours_of(score)
    shades: list[Shade] = [
        colours(float((unit - scale.base) / (1 - scale.base))) if there else style.MUTED
        for unit, there in zip(scale.unit, known, strict=True)
    ]
    return shades, (score, scale)


def best_last(table: Table) -> list[int]:
    """Rows from the worst score to the best; without a score, those that have none, first."""
    score = table.score()
    if score is None:
        return list(range(len(table.rows)))
    numbers = np.asarray(table.numbers(score.name))
    worst_first = -numbers if score.goal != "maximize" else numbers
    return [int(row) for row in np.argsort(np.where(np.isnan(numbers), -np.inf, worst_first))]


def _draw_lines(
    ax: Axes,
    table: Table,
    units_NA: Units,
    shades: Sequence[Shade],
) -> None:
    states, order = table.states(), best_last(table)
    across = np.arange(units_NA.shape[1])
    segments = [np.column_stack([across, units_NA[row]]) for row in order]
    ax.add_collection(
        LineCollection(
            segments,
            colors=[shades[row] for row in order],
            linestyles=[LINES[states[row]] for row in order],
            linewidths=1.3 if len(order) < 200 else 0.6,
            alpha=min(0.9, max(0.06, 8 / len(order) ** 0.5)),
        )
    )


def _draw_axis(ax: Axes, place: int, column: Column, scale: Scale) -> None:
    ax.plot([place, place], [0, 1], color=style.INK, linewidth=1.0, solid_capstyle="butt")
    weight = "bold" if column.role == "metric" else "normal"
    ax.annotate(
        style.label(column.name, 16), (place, 1), xytext=(0, 12), textcoords="offset points",
        ha="center", va="bottom", fontweight=weight,
    )  # fmt: skip
    for unit, name in scale.apart(0.05):
        ax.plot([place - 0.025, place + 0.025], [unit, unit], color=style.INK, linewidth=0.8)
        ax.annotate(
            style.label(name, 12), (place, unit), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=8, bbox=HALO,
        )  # fmt: skip


HALO = {"boxstyle": "round,pad=0.1", "facecolor": style.PAPER, "alpha": 0.75, "linewidth": 0}


def _name_states(ax: Axes, table: Table) -> None:
    """Which line is what, where not all trials are complete."""
    present = [state for state in LINES if state in table.states()]
    if len(present) < 2:
        return
    for state in present:
        ax.plot([], [], color=style.INK, linestyle=LINES[state], linewidth=1.3, label=state)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=len(present), fontsize=8.5)


@style.styled
def matrix(table: Table, importance: Mapping[str, float]) -> Figure | None:
    """The columns that matter most, each against each; None with fewer than two that differ."""
    columns = _for_matrix(table, importance)
    if len(columns) < 2:
        return None
    shades, _ = shades_of(table)
    side = min(style.WIDE, 1.75 * len(columns))
    made = style.figure(side, side)
    grid = made.subplots(len(columns), len(columns), squeeze=False)
    scales = [Scale.of(column, table.values(column.name)) for column in columns]
    for row, y in enumerate(scales):
        for place, x in enumerate(scales):
            _draw_cell(grid[row][place], table, x, y, shades)
            _name_cell(grid[row][place], columns, x, y, row, place)
    made.align_labels()
    return made


def _for_matrix(table: Table, importance: Mapping[str, float]) -> list[Column]:
    score = table.score()
    differ = [c for c in table.axes() if len(set(map(str, table.values(c.name)))) > 1]
    others = sorted(
        (c for c in differ if c != score), key=lambda c: -importance.get(c.name, 0.0)
    )[: MOST_CELLS - 1]  # fmt: skip
    return [*others, *(c for c in differ if c == score)]


def _draw_cell(ax: Axes, table: Table, x: Scale, y: Scale, shades: Sequence[Shade]) -> None:
    if x is y:
        _draw_counts(ax, x.unit)
        return
    states = table.states()
    small = 14 if len(states) < 300 else 4
    for state, mark in trial_figures.MARKS.items():
        rows = [row for row in best_last(table) if states[row] == state]
        colours = [shades[row] for row in rows]
        ax.scatter(x.unit[rows], y.unit[rows], s=small, c=colours, marker=mark, linewidths=0.8)


def _draw_counts(ax: Axes, units_N: Units) -> None:
    """How many trials have which values; the highest bar ends at 1, as the axes beside it do."""
    counts, edges = np.histogram(units_N, bins=14, range=(0, 1))
    middles = (edges[:-1] + edges[1:]) / 2
    high = (1 + MARGIN) * counts / max(1, counts.max())
    ax.bar(middles, high, width=0.85 / 14, bottom=-MARGIN, color=style.MUTED)


def _name_cell(
    ax: Axes, columns: Sequence[Column], x: Scale, y: Scale, row: int, place: int
) -> None:
    """Names and ticks on the left and below the whole matrix alone."""
    around = (-MARGIN, 1 + MARGIN)
    ax.set(xlim=around, ylim=around, xticks=[], yticks=[])
    ax.grid(False)
    if row == len(columns) - 1:
        ax.set_xticks(*_few(x), rotation=90, fontsize=8)  # upright: none is wider than its cell
        ax.set_xlabel(style.label(columns[place].name, 20))
    if place == 0:
        ax.set_yticks(*_few(y), fontsize=8)
        ax.set_ylabel(style.label(columns[row].name, 20))


def _few(scale: Scale) -> tuple[list[float], list[str]]:
    some = scale.apart(0.16)
    return [unit for unit, _ in some], [style.label(name, 9) for _, name in some]
