"""Errors of normal and of anomalous images, the threshold between, and the extremes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from latens.report import pictures, style, words

CAPTIONS = {
    "errors": "Reconstruction errors of normal and of anomalous images. The threshold was chosen "
    "on other, normal validation images alone; what lies to its right raises an alarm.",
    "extremes": "The images with the largest errors, above those with the smallest. A frame "
    "marks the truly anomalous ones; the number is the error.",
}
PICTURES = frozenset({"extremes"})
BINS = 45
NORMAL, ODD = style.BLUE, style.VERMILLION


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """`arrays`: errors float ``[N]``, anomalous bool ``[N]``; most_ and least_images uint8
    ``[<=10, C, H, W]`` with _errors and _anomalous."""
    figures = {}
    if len(arrays.get("errors", ())) and "anomalous" in arrays:
        figures["errors"] = _histogram(result, arrays["errors"], arrays["anomalous"])
    if len(arrays.get("most_images", ())) and len(arrays.get("least_images", ())):
        figures["extremes"] = _extremes(arrays)
    return figures


def _histogram(
    result: dict[str, Any], errors: npt.NDArray[Any], anomalous: npt.NDArray[np.bool_]
) -> Figure:
    figure = style.figure(3.4)
    ax = figure.subplots()
    edges = _edges(errors)
    for chosen, colour, name in ((~anomalous, NORMAL, "normal"), (anomalous, ODD, "anomalous")):
        label = f"{words.count(chosen.sum())} {name}"
        heights = np.histogram(errors[chosen], edges)[0] / max(int(chosen.sum()), 1)
        ax.stairs(heights, edges, color=colour, fill=True, alpha=0.28)
        ax.stairs(heights, edges, color=colour, lw=1.6, label=label)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g}%"))
    ax.set(xlabel="mean squared error of the reconstruction", ylabel="share of images")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, ax.get_ylim()[1] * 1.45)  # room for words above the bars
    _threshold(ax, result)
    auroc = words.finite(result.get("auroc"))
    if auroc is not None:
        ax.set_title(f"AUROC {auroc:.3f}", fontweight="normal", loc="right", fontsize=9.5)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _edges(errors: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    low, high = max(float(errors.min()), 1e-9), max(float(errors.max()), 1e-8)
    return np.geomspace(low * 0.97, high * 1.03, BINS + 1)


def _threshold(ax: Axes, result: dict[str, Any]) -> None:
    limit = words.finite(result.get("threshold"))
    if not limit or limit <= 0:
        return
    ax.axvline(limit, color=style.INK, lw=1.2, ls=(0, (4, 2)))
    text = (
        f"threshold\n{words.percent(result.get('hit_rate'))} of anomalies\n"
        f"{words.percent(result.get('false_alarm_rate'))} of normal\nlie to the right"
    )
    low, high = ax.get_xlim()
    left = np.log(limit / low) > 0.6 * np.log(high / low)
    look: dict[str, Any] = {"va": "top", "fontsize": 8.5, "ha": "right" if left else "left"}
    ax.annotate(
        text,
        (limit, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if left else 5, -2),
        textcoords="offset points",
        **look,
    )


def _extremes(arrays: dict[str, npt.NDArray[Any]]) -> Figure:
    kinds = ("most", "least")
    high, wide = arrays["most_images"].shape[2:]
    columns = max(len(arrays[f"{kind}_images"]) for kind in kinds)
    cell = pictures.cell_size(high, wide, max(columns, 5))
    sheet = pictures.Sheet(columns, 2, cell, below=0.26, left=0.25)
    figure, ax = pictures.blank(sheet)
    for row, kind in enumerate(kinds):
        _row(ax, sheet, row, kind, arrays)
    return figure


def _row(
    ax: Axes, sheet: pictures.Sheet, row: int, kind: str, arrays: dict[str, npt.NDArray[Any]]
) -> None:
    images = pictures.to_rgb(arrays[f"{kind}_images"])
    errors, flags = arrays[f"{kind}_errors"], arrays[f"{kind}_anomalous"]
    for column, (image, error, odd) in enumerate(zip(images, errors, flags, strict=True)):
        corner = sheet.corner(row, column)
        pictures.put(ax, image, corner, sheet.cell)
        if odd:
            _frame(ax, corner, sheet.cell)
        colour = ODD if odd else NORMAL
        text, place = words.number(error, 2), sheet.under(row, column)
        ax.text(*place, text, ha="center", va="top", fontsize=8, color=colour)
    middle = sheet.corner(row, 0)[1] + sheet.cell[1] / 2
    name = {"most": "largest", "least": "smallest"}[kind]
    look: dict[str, Any] = {"fontsize": 7.5, "color": style.MUTED, "rotation": 90}
    ax.text(0.12, middle, name, ha="center", va="center", **look)


def _frame(ax: Axes, corner: tuple[float, float], cell: tuple[float, float]) -> None:
    (left, top), (width, height) = corner, cell
    across = [left, left + width, left + width, left, left]
    ax.plot(across, [top, top, *[top + height] * 2, top], color=ODD, lw=2.4)
