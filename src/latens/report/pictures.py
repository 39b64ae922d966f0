"""Grids of pictures, placed by hand in inches: exact sizes, no axes machinery for each picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from latens.report import style

Pixels = npt.NDArray[np.uint8]
TALLEST = 1.5  # a cell is at most this many times as high as it is wide


def to_rgb(images: Pixels) -> Pixels:
    """uint8 ``[N, C, H, W]``, C from 1 to 4, as uint8 ``[N, H, W, 3]``.

    One channel is grey; two are grey and alpha; four are colour and alpha. Alpha shows white paper.
    """
    channels = images.shape[1]
    last = np.moveaxis(images, 1, -1)
    colour = np.repeat(last[..., :1], 3, axis=-1) if channels < 3 else last[..., :3]
    if channels in (1, 3):
        return np.ascontiguousarray(colour)
    alpha = last[..., -1:].astype(np.float32) / 255
    blended = colour * alpha + 255 * (1 - alpha)
    return np.rint(blended).astype(np.uint8)


@dataclass(frozen=True)
class Sheet:
    """A page of equal cells. All lengths are inches; y runs downwards from the top.

    `block` rows belong together (an original and what was made of it); `below` is the room for
    words under each block.
    """

    columns: int
    rows: int
    cell: tuple[float, float]
    below: float
    block: int = 1
    left: float = 0.05
    gap: float = 0.06

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the whole page."""
        width = self.left + self.columns * (self.cell[0] + self.gap)
        return width, self.corner(self.rows, 0)[1]

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Left and top of a cell."""
        width, height = self.cell
        top = self.gap + row * (height + self.gap) + row // self.block * self.below
        return self.left + column * (width + self.gap), top

    def under(self, row: int, column: int) -> tuple[float, float]:
        """Where words under a cell are centred: middle and top."""
        left, top = self.corner(row, column)
        return left + self.cell[0] / 2, top + self.cell[1] + self.gap


def cell_size(
    height: int, width: int, columns: int, across: float = style.WIDE
) -> tuple[float, float]:
    """Inches of a cell for pictures of these pixels, so that `columns` fill the width `across`."""
    wide = across / columns - 0.09
    return wide, wide * min(max(height / width, 0.2), TALLEST)


def blank(sheet: Sheet) -> tuple[Figure, Axes]:
    """A figure with one bare axes whose data units are the sheet's inches."""
    width, height = sheet.size
    figure = Figure(figsize=(width, height))
    ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    return figure, ax


def fitting(text: str, inches: float, largest: float = 7.5) -> float:
    """The font size, in points and at most `largest`, at which a line of words is so wide."""
    if not text:
        return largest
    wide = TextPath((0, 0), text, size=largest, prop=FontProperties(family="DejaVu Sans"))
    return min(largest, largest * 72 * inches / max(wide.get_extents().width, 1.0))


def put(ax: Axes, picture: Pixels, corner: tuple[float, float], cell: tuple[float, float]) -> None:
    """Draw uint8 ``[H, W, 3]`` in a cell, its proportions kept, centred."""
    high, wide = picture.shape[:2]
    scale = min(cell[0] / wide, cell[1] / high)
    width, height = wide * scale, high * scale
    left, top = corner[0] + (cell[0] - width) / 2, corner[1] + (cell[1] - height) / 2
    # fewer pixels than dots: show the pixels as they are; more: average them
    how = "nearest" if high < 100 and wide < 100 else "antialiased"
    box = (left, left + width, top + height, top)
    ax.imshow(picture, extent=box, aspect="auto", interpolation=how)
    frame = [left, left + width, left + width, left, left], [top, top, *[top + height] * 2, top]
    ax.plot(*frame, color=style.FAINT, linewidth=0.6)


def columns_for(height: int, width: int, images: int) -> int:
    """Small pictures stand ten in a row, photographs five; rows are equally long."""
    most = 10 if max(height, width) <= 64 else 5
    rows = -(-images // most)
    return -(-images // rows)
