"""What the code of a variational autoencoder means: from image to image, variable by variable."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from latens.report import pictures, style

CAPTIONS = {
    "interpolations": "From one image to another on a straight line between their codes. The two "
    "images themselves stand outside, those between are decoded.",
    "traversals": "One image with one variable of its code set from −3 to 3, a row for each of the "
    "variables that the images use most.",
    "activity": "How much each variable of the code varies over images, most first. Above the line "
    "a variable counts as in use; the others carry next to nothing.",
}
PICTURES = frozenset({"interpolations", "traversals"})
IN_USE = 0.01
Pixels = npt.NDArray[np.uint8]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """`arrays`: interpolations uint8 ``[P, S, C, H, W]`` with starts and ends ``[P, C, H, W]``,
    traversals ``[V, T, C, H, W]``."""
    figures = {}
    if len(arrays.get("interpolations", ())):
        figures["interpolations"] = _interpolations(arrays)
    if len(arrays.get("traversals", ())):
        figures["traversals"] = _traversals(result, arrays["traversals"])
    if result.get("activity"):
        figures["activity"] = _activity(result["activity"])
    return figures


def _interpolations(arrays: dict[str, npt.NDArray[Any]]) -> Figure:
    between = arrays["interpolations"]
    pairs, steps, _, high, wide = between.shape
    cell = pictures.cell_size(high, wide, max(steps + 2, 6))
    gap = 0.12  # between the images themselves and what is decoded
    sheet = pictures.Sheet(steps + 2, pairs, cell, below=0.0, left=0.05)
    figure, ax = pictures.blank(sheet)
    width, height = sheet.size
    figure.set_size_inches(width + 2 * gap, height)
    ax.set_xlim(-gap, width + gap)
    for row in range(pairs):
        rows = [arrays["starts"][row], *between[row], arrays["ends"][row]]
        for column, image in enumerate(pictures.to_rgb(np.stack(rows))):
            left, top = sheet.corner(row, column)
            left += {0: -gap, steps + 1: gap}.get(column, 0.0)
            pictures.put(ax, image, (left, top), cell)
    return figure


def _traversals(result: dict[str, Any], rows: Pixels) -> Figure:
    variables, stops, _, high, wide = rows.shape
    head, cell = 0.28, pictures.cell_size(high, wide, max(stops + 1, 6))
    sheet = pictures.Sheet(stops, variables, cell, below=0.0, left=0.85)
    figure, ax = pictures.blank(sheet)
    width, height = sheet.size
    figure.set_size_inches(width, height + head)
    ax.set_ylim(height, -head)
    order = result.get("order") or range(variables)
    for row in range(variables):
        for column, image in enumerate(pictures.to_rgb(rows[row])):
            pictures.put(ax, image, sheet.corner(row, column), cell)
        middle = sheet.corner(row, 0)[1] + cell[1] / 2
        look: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 8.5}
        ax.text(0.76, middle, f"variable {order[row]}", color=style.MUTED, **look)
    for column, stop in enumerate((result.get("stops") or [])[:stops]):
        middle = sheet.corner(0, column)[0] + cell[0] / 2
        text = f"{stop:g}".replace("-", "−")
        ax.text(middle, -0.02, text, ha="center", va="bottom", fontsize=8.5, color=style.MUTED)
    return figure


def _activity(activity: list[float]) -> Figure:
    figure = style.figure(2.6)
    ax = figure.subplots()
    values = np.maximum(np.asarray(activity, dtype=float), 1e-6)
    colours = [style.BLUE if value > IN_USE else style.MUTED for value in values]
    ax.bar(np.arange(1, len(values) + 1), values, color=colours, width=0.8)
    ax.axhline(IN_USE, color=style.INK, lw=1, ls=(0, (4, 3)))
    used = int((values > IN_USE).sum())
    text = f"{used} of {len(values)} in use"
    ax.set_title(text, fontweight="normal", loc="right", fontsize=9.5)
    ax.set(xlabel="variable, most active first", ylabel="variance of its mean", yscale="log")
    ax.set_ylim(min(1e-3, float(values.min())) / 1.5, max(2.0, float(values.max()) * 1.5))
    ax.set_xlim(0.3, len(values) + 0.7)
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(False, axis="x")
    return figure
