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
}
PICTURES = frozenset({"reconstructions"})
MOST = 20
ROWS = ("original", "rebuilt", "difference")
_DIFFERENCE = LinearSegmentedColormap.from_list(
    "difference", [style.PAPER, style.VERMILLION, "#300"]
)
Pixels = npt.NDArray[np.uint8]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """At most 20 images. `arrays`: originals and reconstructions, uint8 ``[K, C, H, W]``."""
    originals, rebuilt = arrays.get("originals"), arrays.get("reconstructions")
    if originals is None or rebuilt is None or not len(originals):
        return {}
    return {"reconstructions": _sheet(originals[:MOST], rebuilt[:MOST])}


def _sheet(originals: Pixels, rebuilt: Pixels) -> Figure:
    count, _, high, wide = originals.shape
    columns = pictures.columns_for(high, wide, count)
    cell = _cell(high, wide, columns)
    blocks = -(-count // columns)
    sheet = pictures.Sheet(columns, 3 * blocks, cell, below=0.26, block=3, left=0.25)
    figure, ax = pictures.blank(sheet)
    layers = (pictures.to_rgb(originals), pictures.to_rgb(rebuilt), _difference(originals, rebuilt))
    errors = np.square(originals / 255.0 - rebuilt / 255.0).mean(axis=(1, 2, 3))
    for index, error in enumerate(errors):
        block, column = divmod(index, columns)
        for row, layer in enumerate(layers, start=3 * block):
            pictures.put(ax, layer[index], sheet.corner(row, column), cell)
        place = sheet.under(3 * block + 2, column)
        text = words.number(error, 2)
        ax.text(*place, text, ha="center", va="top", fontsize=8, color=style.MUTED)
    _name_rows(ax, sheet)
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


def _name_rows(ax: Axes, sheet: pictures.Sheet) -> None:
    for row in range(sheet.rows):
        _, top = sheet.corner(row, 0)
        place = (0.13, top + sheet.cell[1] / 2)
        look: dict[str, Any] = {"fontsize": 7.5, "color": style.MUTED}
        ax.text(*place, ROWS[row % 3], rotation=90, ha="center", va="center", **look)
