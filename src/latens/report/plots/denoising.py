"""How clean denoisers make noisy images: curves, and pictures at every level."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latens.report import pictures, style

CAPTIONS = {
    "quality": "Likeness to the clean image as more noise is put on it, higher is better: PSNR of "
    "the mean squared error, in decibels, and structural similarity (SSIM), which is 1 for equal "
    "images. Untouched images have no finite PSNR and no point there.",
    "pictures": "The same images under more and more noise, of the strength above each column, "
    "and below each what the denoiser made of it.",
}
PICTURES = frozenset({"pictures"})
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.SKY)
RIVALS = ((style.ORANGE, (0, (5, 2))), (style.INK, (0, (2, 2))), (style.MUTED, (0, (1, 1.5))))
MOST_LEVELS, MOST_IMAGES = 11, 5
HEAD = 0.3  # inches above the sheet for the levels
Pixels = npt.NDArray[np.uint8]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """`arrays`: originals uint8 ``[K, C, H, W]``, noisy and denoised ``[L, K, C, H, W]``."""
    figures = {}
    if result.get("methods") and result.get("levels"):
        figures["quality"] = _quality(result)
    if len(arrays.get("noisy", ())) and len(arrays.get("denoised", ())):
        figures["pictures"] = _pictures(result, arrays)
    return figures


def _quality(result: dict[str, Any]) -> Figure:
    methods = result["methods"]
    figure = style.figure(4.6 + 0.2 * len(methods))
    top, bottom = figure.subplots(2, 1, sharex=True)
    for method, look in zip(methods, _looks(len(methods)), strict=True):
        name = style.label(method.get("name", "?"), 48)
        top.plot(result["levels"], _capped(method["psnr"]), **look, label=name)
        bottom.plot(result["levels"], method["ssim"], **look)
    corruption = str(result.get("corruption", "noise")).replace("_", "-")
    top.set(ylabel="PSNR (dB)", ylim=(0, None))
    bottom.set(ylabel="SSIM", xlabel=f"strength of {style.label(corruption)}")
    figure.legend(loc="outside lower left", ncols=1)
    return figure


def _capped(decibels: list[float]) -> npt.NDArray[np.float64]:
    """Images that come back untouched count as 100 dB, which would flatten all other points."""
    values = np.array(decibels, dtype=float)
    return np.where(values > 60, np.nan, values)


def _looks(count: int) -> list[dict[str, Any]]:
    """Denoisers in full lines; the last three, which are the rivals, in broken ones."""
    own = max(count - len(RIVALS), 0)
    full = [{"color": COLOURS[n % len(COLOURS)], "marker": "o", "ms": 4} for n in range(own)]
    broken = [{"color": colour, "linestyle": dash} for colour, dash in RIVALS[-(count - own) :]]
    return [*full, *broken]


def _pictures(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Figure:
    noisy, denoised = arrays["noisy"], arrays["denoised"]
    levels = _chosen(len(noisy))
    _, count, _, high, wide = noisy.shape
    count = min(count, MOST_IMAGES)
    cell = pictures.cell_size(high, wide, max(len(levels), 6))
    sheet = pictures.Sheet(len(levels), 2 * count, cell, below=0.12, block=2, left=0.25)
    figure, ax = pictures.blank(sheet)
    width, height = sheet.size
    figure.set_size_inches(width, height + HEAD)
    ax.set_ylim(height, -HEAD)
    for column, level in enumerate(levels):
        rows = pictures.to_rgb(noisy[level]), pictures.to_rgb(denoised[level])
        for image in range(count):
            for row, layer in enumerate(rows, start=2 * image):
                pictures.put(ax, layer[image], sheet.corner(row, column), cell)
        middle = sheet.corner(0, column)[0] + cell[0] / 2
        said = result.get("levels", range(len(noisy)))[level]
        ax.text(middle, -0.02, f"{said:g}", ha="center", va="bottom", fontsize=9)
    _name_rows(ax, sheet)
    return figure


def _chosen(levels: int) -> list[int]:
    """At most eleven levels, evenly spread, with the first and the last."""
    return sorted({round(i) for i in np.linspace(0, levels - 1, min(levels, MOST_LEVELS))})


def _name_rows(ax: Axes, sheet: pictures.Sheet) -> None:
    look: dict[str, Any] = {"fontsize": 7.5, "color": style.MUTED, "rotation": 90}
    for row in range(sheet.rows):
        _, top = sheet.corner(row, 0)
        name = ("noisy", "denoised")[row % 2]
        ax.text(0.13, top + sheet.cell[1] / 2, name, ha="center", va="center", **look)
