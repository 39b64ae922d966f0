"""Sampled images, and beside the nearest ones the training images that they might be copies of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latens.report import pictures, style, words

CAPTIONS = {
    "quality": "How like real images the samples are, in the features of a classifier trained "
    "here: how many look real (precision, density), and how much of what is real they cover "
    "(recall, coverage). Training images in the samples' place show what can be reached. The "
    "numbers can be compared only where they come from the same classifier, told by its hash.",
    "pictures": "Samples as they came, none picked out. Where a class was asked for, each row is "
    "one; a frame marks a sample that the classifier takes for another class.",
    "nearest": "The samples that lie nearest to a training image, each above that image. The "
    "number is their difference, the root of the mean squared error.",
}
PICTURES = frozenset({"pictures", "nearest"})
MEASURES = ("precision", "density", "recall", "coverage")
MOST = 100
ACROSS = 10  # pictures in a row


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """`arrays`: pictures uint8 ``[K, C, H, W]``, perhaps pictures_asked and pictures_said int64
    ``[K]``; near_samples and near_images, with near_distances ``[J]``."""
    figures = {}
    if any(words.finite(result.get(measure)) is not None for measure in MEASURES):
        figures["quality"] = _quality(result)
    if len(arrays.get("pictures", ())):
        asked = "pictures_asked" in arrays
        figures["pictures"] = _by_class(result, arrays) if asked else _all(arrays["pictures"])
    if len(arrays.get("near_samples", ())):
        figures["nearest"] = _nearest(arrays)
    return figures


def _quality(result: dict[str, Any]) -> Figure:
    figure = style.figure(2.5)
    ax = figure.subplots()
    looks = (("_of_real", style.MUTED, "s", "training images"), ("", style.BLUE, "o", "samples"))
    for ending, colour, marker, name in looks:
        known = [words.finite(result.get(measure + ending)) for measure in MEASURES]
        values = [np.nan if value is None else value for value in known]
        text = f"{name}, Fréchet distance {words.number(result.get('frechet' + ending))}"
        look: dict[str, Any] = {"ms": 8, "ls": "", "clip_on": False}
        ax.plot(values, range(len(MEASURES)), marker, color=colour, label=text, **look)
    ax.set_yticks(range(len(MEASURES)), MEASURES)
    ax.set_ylim(len(MEASURES) - 0.5, -0.5)
    ax.set_xlim(0, max(1.0, ax.get_xlim()[1]))
    ax.grid(False, axis="y")
    if result.get("classifier_sha256"):
        text = f"features of classifier {words.plain(result['classifier_sha256'])[:12]}"
        ax.set_title(text, fontweight="normal", loc="right", fontsize=8.5, color=style.MUTED)
    figure.legend(loc="outside lower left", ncols=1, handletextpad=0.2)
    return figure


def _all(drawn: npt.NDArray[np.uint8]) -> Figure:
    images = pictures.to_rgb(drawn[:MOST])
    high, wide = images.shape[1:3]
    columns = min(ACROSS, len(images))
    sheet = pictures.Sheet(
        columns, -(-len(images) // columns), pictures.cell_size(high, wide, ACROSS), below=0.0
    )
    figure, ax = pictures.blank(sheet)
    for place, image in enumerate(images):
        pictures.put(ax, image, sheet.corner(*divmod(place, columns)), sheet.cell)
    return figure


def _by_class(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Figure:
    asked = arrays["pictures_asked"]
    said = arrays.get("pictures_said", asked)
    images = pictures.to_rgb(arrays["pictures"])
    names = [str(name) for name in result.get("classes", [])]
    classes = np.unique(asked)
    room = 0.2 + 0.09 * max((len(style.label(n, 12)) for n in names), default=2)
    high, wide = images.shape[1:3]
    cell = pictures.cell_size(high, wide, ACROSS, across=style.WIDE - room)
    sheet = pictures.Sheet(ACROSS, len(classes), cell, below=0.0, left=room)
    figure, ax = pictures.blank(sheet)
    for row, label in enumerate(classes):
        name = style.label(names[label] if label < len(names) else label, 12)
        middle = sheet.corner(row, 0)[1] + cell[1] / 2
        ax.text(room - 0.1, middle, name, ha="right", va="center", fontsize=9.5)
        for column, index in enumerate(np.flatnonzero(asked == label)[:ACROSS]):
            corner = sheet.corner(row, column)
            pictures.put(ax, images[index], corner, cell)
            if said[index] != label:
                _frame(ax, corner, cell)
    return figure


def _nearest(arrays: dict[str, npt.NDArray[Any]]) -> Figure:
    layers = [pictures.to_rgb(arrays[name]) for name in ("near_samples", "near_images")]
    high, wide = layers[0].shape[1:3]
    columns = min(ACROSS, len(layers[0]))
    cell = pictures.cell_size(high, wide, ACROSS)
    sheet = pictures.Sheet(columns, 2, cell, below=0.26, block=2, left=0.3)
    figure, ax = pictures.blank(sheet)
    for column in range(columns):
        for row, layer in enumerate(layers):
            pictures.put(ax, layer[column], sheet.corner(row, column), cell)
        text = words.number(arrays["near_distances"][column], 2)
        place = sheet.under(1, column)
        ax.text(*place, text, ha="center", va="top", fontsize=8, color=style.MUTED)
    for row, name in enumerate(("sample", "training")):
        middle = sheet.corner(row, 0)[1] + cell[1] / 2
        look: dict[str, Any] = {"fontsize": 7.5, "color": style.MUTED, "rotation": 90}
        ax.text(0.15, middle, name, ha="center", va="center", **look)
    return figure


def _frame(ax: Axes, corner: tuple[float, float], cell: tuple[float, float]) -> None:
    (left, top), (width, height) = corner, cell
    across = [left, left + width, left + width, left, left]
    ax.plot(across, [top, top, *[top + height] * 2, top], color=style.VERMILLION, lw=2.2)
