"""What a classifier got right and wrong, and whether its confidence can be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from latens.report import pictures, style, words

CAPTIONS = {
    "confusion": "Rows are the true classes, columns the predicted ones. Blue: the share of a "
    "class that was found. Orange: its mistakes, shaded against the most frequent one.",
    "classes": "Precision (of the images given this name, how many deserve it), recall (of the "
    "images of this class, how many were found) and F1, weakest class first.",
    "calibration": "Where the points lie below the diagonal, the classifier is surer than it "
    "is right. The bars show how many predictions were made with that confidence.",
    "wrong": "Wrong predictions: the predicted class and its probability, above the true class.",
    "correct": "Correct predictions, with their probability.",
}
PICTURES = frozenset({"wrong", "correct"})
AVERAGES = ("accuracy", "micro avg", "macro avg", "weighted avg")
NUMBERS_UP_TO, NAMES_UP_TO, CLASSES_UP_TO = 15, 40, 20
Matrix = npt.NDArray[np.float64]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """The figures this result has numbers or pictures for.

    `arrays`: labels int64 ``[N]``, probabilities float32 ``[N, K]``, and for *wrong* and *correct*
    uint8 images ``[<=25, C, H, W]`` with their indices into the labels.
    """
    names = [str(name) for name in result.get("classes", [])]
    figures = {}
    if result.get("confusion"):
        figures["confusion"] = _confusion(np.asarray(result["confusion"], dtype=float), names)
    if result.get("report"):
        figures["classes"] = _classes(result["report"])
    if any(bin_.get("count") for bin_ in result.get("calibration") or []):
        figures["calibration"] = _calibration(result)
    for kind in ("wrong", "correct"):
        if len(arrays.get(f"{kind}_images", ())):
            figures[kind] = _grid(kind, names, arrays)
    return figures


def _confusion(counts: Matrix, names: list[str]) -> Figure:
    classes = len(counts)
    room = 22 if classes < 4 else 14 if classes <= NUMBERS_UP_TO else 11
    figure = style.figure(style.WIDTH * (0.75 if classes < 4 else 0.95))
    ax = figure.subplots()
    ax.imshow(_shades(counts), interpolation="nearest")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    if classes <= NAMES_UP_TO:
        _name_axes(ax, [style.label(name, room) for name in names], classes)
    if classes <= NUMBERS_UP_TO:
        _write_counts(ax, counts)
    return figure


def _shades(counts: Matrix) -> Matrix:
    """RGB ``[K, K, 3]``, 0 to 1: the diagonal in blues, mistakes in oranges of their own scale."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(len(counts), dtype=bool)
    mistakes = np.where(diagonal, 0.0, shares)
    # the floor keeps one lone mistake among thousands from shouting
    depth = np.where(diagonal, shares, mistakes / max(mistakes.max(), 0.02))[..., None]
    depth = np.where(depth > 0, 0.06 + 0.94 * depth, 0.03)
    ink = np.where(diagonal[..., None], to_rgb(style.BLUE), to_rgb(style.VERMILLION))
    ink = np.where(shares[..., None] > 0, ink, to_rgb(style.MUTED))
    return np.asarray(1 - depth * (1 - ink), dtype=np.float64)


def _name_axes(ax: Axes, names: list[str], classes: int) -> None:
    size = 9.5 if classes <= NUMBERS_UP_TO else max(5.5, 200 / classes)
    upright = max(map(len, names), default=0) * classes > 60
    ax.set_xticks(range(classes), names, rotation=90 if upright else 0, fontsize=size)
    ax.set_yticks(range(classes), names, fontsize=size)


def _write_counts(ax: Axes, counts: Matrix) -> None:
    longest = max(len(f"{counts.max():.0f}"), 2)
    size = min(10.0, 360 / len(counts) / longest)
    deep = _shades(counts) @ np.array([0.299, 0.587, 0.114]) < 0.6
    for (row, column), value in np.ndenumerate(counts):
        if value:
            colour = style.PAPER if deep[row, column] else style.INK
            place = (column, row, f"{value:.0f}")
            ax.text(*place, ha="center", va="center", fontsize=size, color=colour)


def _classes(report: dict[str, Any]) -> Figure:
    rows = [
        (name, scores)
        for name, scores in report.items()
        if isinstance(scores, dict) and name not in AVERAGES
    ]
    rows.sort(key=lambda row: words.finite(row[1].get("f1-score")) or 0.0)
    shown = rows[:CLASSES_UP_TO]
    figure = style.figure(max(2.0, 1.0 + 0.24 * len(shown)))
    ax = figure.subplots()
    if len(rows) > len(shown):
        ax.set_title(f"the {len(shown)} weakest of {len(rows)} classes")
    places = np.arange(len(shown))
    values = {key: _column(shown, key) for key in ("precision", "recall", "f1-score")}
    spread = np.stack([values["precision"], values["recall"]])
    ax.hlines(places, spread.min(0), spread.max(0), color=style.FAINT, linewidth=4)
    for key, colour, marker in (
        ("precision", style.ORANGE, "<"),
        ("recall", style.BLUE, ">"),
        ("f1-score", style.INK, "|"),
    ):
        ax.plot(values[key], places, marker, color=colour, ms=7, mew=1.6, label=key, clip_on=False)
    ax.set_yticks(places, [style.label(name, 22) for name, _ in shown])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.grid(False, axis="y")
    _share_axis(ax, float(np.nanmin(spread, initial=1.0)))
    figure.legend(loc="outside lower center", ncols=3, handletextpad=0.2)
    return figure


def _column(rows: list[tuple[str, dict[str, Any]]], key: str) -> Matrix:
    return np.array([words.finite(scores.get(key)) or 0.0 for _, scores in rows])


def _share_axis(ax: Axes, lowest: float) -> None:
    start = min(max(0.0, np.floor(lowest * 20 - 0.2) / 20), 0.9)
    ax.set_xlim(start - 0.03 * (1 - start), 1.0)  # a marker at the very edge would hide a name
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.4g}"))


def _calibration(result: dict[str, Any]) -> Figure:
    bins = [bin_ for bin_ in result["calibration"] if bin_.get("count")]
    figure = style.figure(4.3)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    confidence = [words.finite(bin_.get("confidence")) or 0.0 for bin_ in bins]
    accuracy = [words.finite(bin_.get("accuracy")) or 0.0 for bin_ in bins]
    top.plot([0, 1], [0, 1], color=style.MUTED, lw=1, ls=(0, (4, 3)))
    top.vlines(confidence, confidence, accuracy, color=style.VERMILLION, lw=3, alpha=0.35)
    top.plot(confidence, accuracy, "-o", color=style.BLUE, ms=5, lw=1.4, clip_on=False)
    top.set(ylabel="accuracy", ylim=(0, 1), xlim=(0, 1))
    if words.finite(result.get("ece")) is not None:
        text = f"expected calibration error {words.percent(result['ece'])}"
        top.set_title(text, fontsize=9.5, fontweight="normal", color=style.BLUE, loc="right")
    widths = [bin_["high"] - bin_["low"] for bin_ in bins]
    counts = [bin_["count"] for bin_ in bins]
    lows = [bin_["low"] for bin_ in bins]
    bottom.bar(lows, counts, widths, align="edge", color=style.SKY, edgecolor=style.PAPER)
    bottom.set(ylabel="images", xlabel="confidence")
    for axis in (top.xaxis, top.yaxis, bottom.xaxis):
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f}%"))
    bottom.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    bottom.yaxis.get_major_locator().set_params(nbins=3, integer=True)
    return figure


def _grid(kind: str, names: list[str], arrays: dict[str, npt.NDArray[Any]]) -> Figure:
    images = pictures.to_rgb(arrays[f"{kind}_images"])
    columns = min(5, len(images))
    cell = pictures.cell_size(images.shape[1], images.shape[2], 5, across=style.WIDTH)
    below = 0.34 if kind == "wrong" else 0.2
    sheet = pictures.Sheet(columns, -(-len(images) // columns), cell, below=below)
    figure, ax = pictures.blank(sheet)
    for place, (image, index) in enumerate(zip(images, arrays[f"{kind}_index"], strict=False)):
        row, column = divmod(place, columns)
        pictures.put(ax, image, sheet.corner(row, column), cell)
        said, true, sure = _prediction(int(index), names, arrays)
        x, y = sheet.under(row, column)
        colour = style.VERMILLION if kind == "wrong" else style.BLUE
        told = [(f"{said}  {sure}", colour), (f"is {true}", style.MUTED)]
        for line, (text, ink) in enumerate(told[: 2 if kind == "wrong" else 1]):
            look: dict[str, Any] = {"color": ink, "fontsize": pictures.fitting(text, cell[0])}
            ax.text(x, y + 0.13 * line, text, ha="center", va="top", **look)
    return figure


def _prediction(
    index: int, names: list[str], arrays: dict[str, npt.NDArray[Any]]
) -> tuple[str, str, str]:
    """Predicted class, true class and confidence of one image, as words."""
    chances = arrays["probabilities"][index]
    said = int(np.argmax(chances))
    true = int(arrays["labels"][index])
    name = {number: style.label(text, 14) for number, text in enumerate(names)}
    return name.get(said, f"{said}"), name.get(true, f"{true}"), words.percent(chances[said], 0)
