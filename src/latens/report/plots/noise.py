"""Accuracy against noise, a curve for each way of classifying."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from latens.report import style, words

CAPTIONS = {
    "accuracy": "Share of images classified correctly as more noise is put on them. Every curve "
    "is measured on the same images with the same noise; bands are 95% intervals over the images.",
}
LOOKS = (
    (style.BLUE, "o"),
    (style.VERMILLION, "^"),
    (style.GREEN, "D"),
    (style.PURPLE, "v"),
    (style.ORANGE, "s"),
    (style.SKY, "P"),
    (style.INK, "X"),
)


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """One figure, where there are ways and levels."""
    levels, ways = result.get("levels"), result.get("ways")
    if not levels or not ways:
        return {}
    figure = style.figure(3.4 + 0.2 * len(ways))
    ax = figure.subplots()
    for way, (colour, marker) in zip(ways, _looks(len(ways)), strict=True):
        if "low" in way and "high" in way:
            ax.fill_between(levels, way["low"], way["high"], color=colour, alpha=0.18, lw=0)
        name = style.label(way.get("name", "?"), 48)
        ax.plot(levels, way["accuracies"], color=colour, marker=marker, ms=4.5, label=name)
    _chance(ax, result.get("classes"))
    corruption = str(result.get("corruption", "noise")).replace("_", "-")
    ax.set(xlabel=f"strength of {style.label(corruption)}", ylabel="accuracy", ylim=(0, 1.02))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f}%"))
    figure.legend(loc="outside lower left", ncols=1)
    return {"accuracy": figure}


def _chance(ax: Axes, classes: Any) -> None:
    """Where guessing gets, on a set of equally frequent classes."""
    known = words.finite(classes)
    if known:
        ax.axhline(1 / known, color=style.MUTED, lw=1, ls=(0, (2, 3)))
        ax.text(0, 1 / known + 0.015, "guessing", color=style.MUTED, fontsize=8.5, va="bottom")


def _looks(count: int) -> list[tuple[str, str]]:
    return [LOOKS[number % len(LOOKS)] for number in range(count)]
