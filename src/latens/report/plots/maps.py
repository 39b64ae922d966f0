"""Codes as maps: every image a point in the colour of its class, some of them as thumbnails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from latens.report import pictures, style, words

CAPTIONS = {
    "pca": "Codes along the two directions in which they differ most (PCA). Distances can be read, "
    "though all other directions are missing.",
    "t-sne": "Codes placed by t-SNE, which keeps neighbours together. Neither the size of a group "
    "nor the distance between groups means anything.",
    "umap": "Codes placed by UMAP, which keeps neighbours together. Neither the size of a group "
    "nor the distance between groups means much.",
}
PICTURES = frozenset(CAPTIONS)
# Paul Tol's "muted" scheme (2021), which people with any colour vision can tell apart; the names
# on the map say the same without colour.
_FIVE = ("#332288", "#CC6677", "#117733", "#88CCEE", "#AA4499")
_MORE = ("#999933", "#882255", "#44AA99", "#661100", "#DDAA33")
PALETTE = _FIVE + _MORE
# Inches.
SIDE, TALLEST, EDGE, HEAD = 8.0, 8.0, 0.3, 0.3
THUMBNAIL, NAME_HIGH = 0.32, 0.3
NAMES_UP_TO = 20  # classes
DARK = 32  # of 255: a ground that is darker is left out, so that only the drawing shows
Points = npt.NDArray[np.float64]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """One figure a map. `arrays`: map_0, ... ``[N, 2]``, labels int64 ``[N]``, uint8 thumbnails
    ``[T, C, H, W]`` and their thumbnail_index ``[T]``."""
    figures = {}
    for number, about in enumerate(result.get("maps") or []):
        points = arrays.get(f"map_{number}")
        if points is not None and about.get("method") in CAPTIONS:
            figures[about["method"]] = _map(result, about, points.astype(np.float64), arrays)
    return figures


def _map(
    result: dict[str, Any],
    about: dict[str, Any],
    points: Points,
    arrays: dict[str, npt.NDArray[Any]],
) -> Figure:
    places, height = _inches(points)
    figure = Figure(figsize=(SIDE, height + HEAD))
    ax = figure.add_axes((0.0, 0.0, 1.0, height / (height + HEAD)))
    ax.set_axis_off()
    labels = arrays.get("labels", np.full(len(points), -1))
    colours = [_colour(int(label)) for label in labels]
    ax.scatter(places[:, 0], places[:, 1], s=5, c=colours, alpha=0.5, linewidths=0)
    names = _names(places, labels, [str(name) for name in result.get("classes", [])])
    for name in names:
        name.write(ax)
    _thumbnails(ax, places, names, labels, arrays)
    ax.set(xlim=(0, SIDE), ylim=(0, height))
    figure.text(0.01, 0.99, _numbers(result, about), ha="left", va="top", color=style.INK)
    return figure


def _inches(points: Points) -> tuple[Points, float]:
    """Places on paper, both directions on one scale, and the paper's height.

    The few farthest out are drawn at the edge, so that they do not press the others together.
    """
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    extent = np.maximum(high - low, 1e-12)
    scale = min((SIDE - 2 * EDGE) / extent[0], (TALLEST - 2 * EDGE) / extent[1])
    height = max(3.0, float(extent[1] * scale) + 2 * EDGE)
    shift = (np.array([SIDE, height]) - extent * scale) / 2
    return np.clip(points - low, 0, extent) * scale + shift, height


@dataclass
class _Name:
    """A class's name in a box of its colour, centred at x and y; all in inches."""

    text: str
    label: int
    x: float
    y: float

    def touches(self, x: float, y: float, wide: float, high: float) -> bool:
        """Whether a box of this size around this place would lie over the name."""
        own = 0.11 * len(self.text) + 0.15
        return abs(self.x - x) < (own + wide) / 2 and abs(self.y - y) < (NAME_HIGH + high) / 2

    def write(self, ax: Axes) -> None:
        colour = _colour(self.label)
        light = np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) > 0.6
        box = {"boxstyle": "round,pad=0.25", "fc": colour, "ec": style.PAPER}
        look: dict[str, Any] = {"fontsize": 10.5, "fontweight": "bold", "bbox": box, "zorder": 4}
        look |= {"color": style.INK if light else style.PAPER, "ha": "center", "va": "center"}
        ax.text(self.x, self.y, self.text, **look)


def _names(places: Points, labels: npt.NDArray[Any], classes: list[str]) -> list[_Name]:
    """The classes' names in the middle of their points, moved up where they would overlap.

    None where there are too many classes to name.
    """
    present = [int(label) for label in np.unique(labels[labels >= 0])]
    if len(present) > NAMES_UP_TO:
        return []
    names = []
    for label in present:
        text = style.label(classes[label] if label < len(classes) else label, 14)
        x, y = np.median(places[labels == label], axis=0)
        names.append(_Name(text, label, float(x), float(y)))
    placed: list[_Name] = []
    for name in sorted(names, key=lambda name: name.y):
        wide = 0.11 * len(name.text) + 0.15
        while any(other.touches(name.x, name.y, wide, NAME_HIGH) for other in placed):
            name.y += 0.04
        placed.append(name)
    return placed


def _thumbnails(
    ax: Axes,
    places: Points,
    names: list[_Name],
    labels: npt.NDArray[Any],
    arrays: dict[str, npt.NDArray[Any]],
) -> None:
    """Each where its point is, and none where it would touch a name or one that is there."""
    shown = arrays.get("thumbnail_index", np.zeros(0, np.int64))
    if not len(shown):
        return
    images = pictures.to_rgb(arrays["thumbnails"])
    grey = arrays["thumbnails"].shape[1] == 1
    high, wide = np.array(images.shape[1:3]) / max(images.shape[1:3]) * THUMBNAIL * 1.05
    taken = np.zeros((0, 2))
    for image, index in zip(images, shown, strict=True):
        x, y = places[index]
        if any(name.touches(x, y, wide, high) for name in names):
            continue
        if (np.abs(taken - (x, y)) < (wide, high)).all(axis=1).any():
            continue
        taken = np.vstack([taken, (x, y)])
        _put(ax, image, int(labels[index]), (x, y), (wide / 1.05, high / 1.05), grey)


def _put(
    ax: Axes,
    image: npt.NDArray[np.uint8],
    label: int,
    place: tuple[float, float],
    size: tuple[float, float],
    grey: bool,
) -> None:
    """One thumbnail in the colour of its class: as ink, or in a frame."""
    (x, y), (wide, high) = place, size
    left, right, low, top = x - wide / 2, x + wide / 2, y - high / 2, y + high / 2
    tinted = _tinted(image, label, grey)
    how: dict[str, Any] = {"aspect": "auto", "interpolation": "antialiased", "zorder": 2}
    ax.imshow(tinted, extent=(left, right, low, top), **how)
    if tinted is image:
        around = [left, right, right, left, left], [low, low, top, top, low]
        ax.plot(*around, color=_colour(label), lw=1.6, zorder=3)


def _tinted(image: npt.NDArray[np.uint8], label: int, grey: bool) -> npt.NDArray[np.uint8]:
    """A grey picture on a dark ground as ink of its class's colour, ``[H, W, 4]``; others as they
    are."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    if not grey or np.median(edge) > DARK:
        return image
    ink = np.broadcast_to(np.array(to_rgb(_colour(label))) * 255, image.shape)
    return np.concatenate([ink, image[..., :1]], axis=-1).astype(np.uint8)


def _colour(label: int) -> str:
    return style.MUTED if label < 0 else PALETTE[label % len(PALETTE)]


def _numbers(result: dict[str, Any], about: dict[str, Any]) -> str:
    parts = [f"{words.count(result.get('images'))} images"]
    if words.finite(result.get("knn")) is not None:
        neighbours = words.count(result.get("neighbours"))
        parts.append(
            f"named by {neighbours} neighbours: {words.percent(result['knn'])} in the code, "
            f"{words.percent(result.get('knn_pixels'))} in pixels, "
            f"{words.percent(about.get('knn'))} on this map"
        )
    return " · ".join(parts)
