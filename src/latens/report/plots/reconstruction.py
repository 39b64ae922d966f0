"""What an autoencoder saw and what it made of it: originals, reconstructions, where they differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from latens.report import pictures, style, words

CAPTIONS = {
    "reconstructions": "Original images, above what the decoder made of their codes, above the "
    "difference of the two (white where there is none). The number is the mean squared error "
    "of that image, with pixels from 0 to 1.",
    "mended": "Original images, above what the network was given, above what it made of that, "
    "above the difference to the original (white where there is none). The number is the mean "
    "squared error.",
}
PICTURES = frozenset({"reconstructions", "mended"})
MOST = 20
_DIFFERENCE = LinearSegmentedColormap.from_list(
    "difference", [style.PAPER, style.VERMILLION, "#300"]
)
Pixels = npt.NDArray[np.uint8]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """At most 20 images. `arrays`: originals and reconstructions, uint8 ``[K, C, H, W]``; where the
    input was spoilt also corrupted and denoised."""
    originals = arrays.get("originals", np.zeros(0, np.uint8))[:MOST]
    figures = {}
    if len(originals) and "reconstructions" in arrays:
        rebuilt = arrays["reconstructions"][:MOST]
        figures["reconstructions"] = _sheet({"original": originals, "rebuilt": rebuilt})
    if len(originals) and {"corrupted", "denoised"} <= set(arrays):
        given, mended = arrays["corrupted"][:MOST], arrays["denoised"][:MOST]
        figures["mended"] = _sheet({"original": originals, "given": given, "mended": mended})
    return figures


def _sheet(layers: dict[str, Pixels]) -> Figure:
    """A row for each layer, and one for the difference of the first and the last."""
    originals, rebuilt = (list(layers.values())[i] for i in (0, -1))
    names = [*layers, "difference"]
    count, _, high, wide = originals.shape
    columns = pictures.columns_for(high, wide, count)
    cell = _cell(high, wide, columns)
    block = len(names)
    sheet = pictures.Sheet(
        columns, block * -(-count // columns), cell, below=0.26, block=block, left=0.25
    )
    figure, ax = pictures.blank(sheet)
    shown = [pictures.to_rgb(layer) for layer in layers.values()]
    shown.append(_difference(originals, rebuilt))
    errors = np.square(originals / 255.0 - rebuilt / 255.0).mean(axis=(1, 2, 3))
    for index, error in enumerate(errors):
        first, column = index // columns * block, index % columns
        for row, layer in enumerate(shown, start=first):
            pictures.put(ax, layer[index], sheet.corner(row, column), cell)
        place = sheet.under(first + block - 1, column)
        text = words.number(error, 2)
        ax.text(*place, text, ha="center", va="top", fontsize=8, color=style.MUTED)
    _name_rows(ax, sheet, names)
    return figure


def _cell(high: int, wide: int, columns: int) -> tuple[float, float]:
    """As wide as ten or five in a row have room for, but not wider than narrow pictures need."""
    across, down = pictures.cell_size(high, wide, max(columns, 5))
    return max(0.45, min(across, down * wide / high)), max(0.65, down)


def _difference(originals: Pixels, rebuilt: Pixels) -> Pixels:
    """Absolute difference, averaged over channels, on one scale for all; uint8 ``[K, H, W, 3]``."""
    gap = np.abs(originals.astype(np.float32) - rebuilt.astype(np.float32)).mean(axis=1)
    top = max(float(np.quantile(gap, 0.999)), 51.0)  # less than a fifth of the range stays pale
    return np.asarray(_DIFFERENCE(np.clip(gap / top, 0, 1), bytes=True)[..., :3], dtype=np.uint8)


def _name_rows(ax: Axes, sheet: pictures.Sheet, names: list[str]) -> None:
    for row in range(sheet.rows):
        _, top = sheet.corner(row, 0)
        place = (0.13, top + sheet.cell[1] / 2)
        look: dict[str, Any] = {"fontsize": 7.5, "color": style.MUTED}
        ax.text(*place, names[row % len(names)], rotation=90, ha="center", va="center", **look)
