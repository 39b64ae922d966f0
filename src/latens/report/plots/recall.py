"""Recall class by class, arm beside arm: what becomes of the classes that have few images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from latens.report import style, words
from latens.report.plots.noise import LOOKS

CAPTIONS = {
    "recall": "Of the test images of each class, the share that was found. Pale marks are single "
    "seeds, filled ones their mean. Shaded classes, in bold, had fewer training images.",
}
OWN = ("arm", "seed")  # keys of a row that are no classes
Matrix = npt.NDArray[np.float64]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """`result`: rows ``[{"arm", "seed", class: recall, ...}]``, perhaps `halved` class names."""
    rows = [row for row in result.get("rows") or [] if set(row) - set(OWN)]
    if not rows:
        return {}
    halved = list(result.get("halved") or [])
    others = [key for key in rows[0] if key not in (*OWN, *halved)]
    classes = [*(name for name in halved if name in rows[0]), *others]
    arms = list(dict.fromkeys(str(row.get("arm", "?")) for row in rows))
    figure = style.figure(0.9 + (0.14 + 0.11 * len(arms)) * len(classes) + 0.2 * len(arms))
    ax = figure.subplots()
    for number, arm in enumerate(arms):
        shift = (number - (len(arms) - 1) / 2) * min(0.7 / len(arms), 0.22)
        _arm(ax, arm, number, shift, _recalls(rows, arm, classes))
    _classes(ax, classes, halved)
    figure.legend(loc="outside lower left", ncols=1, handletextpad=0.2)
    return {"recall": figure}


def _recalls(rows: list[dict[str, Any]], arm: str, classes: list[str]) -> Matrix:
    """The recalls of an arm, ``[seeds, classes]``; nan where there is none."""
    own = [row for row in rows if str(row.get("arm", "?")) == arm]
    known = [[words.finite(row.get(name)) for name in classes] for row in own]
    return np.array([[np.nan if x is None else x for x in row] for row in known])


def _arm(ax: Axes, arm: str, number: int, shift: float, recalls: Matrix) -> None:
    colour, marker = LOOKS[number % len(LOOKS)]
    places = np.arange(recalls.shape[1]) + shift
    for seed in recalls:
        ax.plot(seed, places, marker, color=colour, alpha=0.35, ms=4, mew=0, ls="")
    known = np.isfinite(recalls)
    means = np.where(known, recalls, 0).sum(0) / np.maximum(known.sum(0), 1)
    means[~known.any(0)] = np.nan
    look: dict[str, Any] = {"ms": 6.5, "mec": style.PAPER, "mew": 0.9, "ls": ""}
    ax.plot(means, places, marker, color=colour, label=style.label(arm, 60), **look)


def _classes(ax: Axes, classes: list[str], halved: list[str]) -> None:
    for place, name in enumerate(classes):
        if name in halved:
            ax.axhspan(place - 0.5, place + 0.5, color=style.FAINT, alpha=0.55, lw=0, zorder=0)
    ax.set_yticks(range(len(classes)), [style.label(name, 22) for name in classes])
    for tick, name in zip(ax.get_yticklabels(), classes, strict=True):
        if name in halved:
            tick.set_fontweight("bold")
    ax.set_ylim(len(classes) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.set_xlabel("recall")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.4g}%"))
