"""One look for every figure: light, plain, readable by people who see colours differently.

The colours are those of Okabe and Ito, "Color Universal Design" (2008). Figures are made with
matplotlib's object interface only, so nothing here needs a display or leaves global state behind.
"""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.ticker import FuncFormatter

from latens.report import words

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW = "#56B4E9", "#CC79A7", "#F0E442"
INK, MUTED, FAINT, PAPER = "#24292e", "#6a737b", "#dfe3e6", "#ffffff"

WIDTH = 5.6  # inches: two charts stand side by side on a wide page, one fills a phone
TICK = 9.5  # points
WIDE = 8.0  # inches: grids of pictures

# mode of reuse: colour and marker; a mode of the future gets the last one
MODES = {
    "scratch": (MUTED, "s"),
    "frozen": (BLUE, "o"),
    "two-phase": (GREEN, "D"),
    "fine-tune": (VERMILLION, "^"),
    "joint": (PURPLE, "v"),
}
OTHER_MODE = (ORANGE, "P")
VERDICTS = {"gain": BLUE, "loss": VERMILLION, "no benefit": MUTED, "not shown": MUTED}

# DejaVu comes with matplotlib; the others are used for scripts it lacks, where they are installed
_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Microsoft YaHei", "PingFang SC", "Malgun Gothic")

_LOOK: dict[str, Any] = {
    "font.size": 10.0,
    "text.color": INK,
    "text.usetex": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 10.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": TICK,
    "ytick.labelsize": TICK,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}

_ONE_AT_A_TIME = threading.RLock()  # rcParams belong to the process, not to a thread
P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def look() -> Iterator[None]:
    """The look, for as long as the block lasts; everything is as before afterwards."""
    with _ONE_AT_A_TIME, mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = {**_LOOK, "font.family": list(_families())}
        mpl.rcParams.update(settings)
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Let a function draw in the look."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with look():
            return draw(*args, **kwargs)

    return inside


def figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure (inches) whose parts make room for one another."""
    return Figure(figsize=(width, height), layout="constrained")


def label(name: object, room: int = 18) -> str:
    """A user's name made safe for a figure: one line, no formulas, only glyphs there are."""
    known = _glyphs()
    kept = "".join(c if ord(c) in known else "□" for c in words.plain(name))
    return words.cut(kept, room).replace("$", r"\$")


def lines(name: object, room: int, most: int = 2) -> str:
    """A name as `label` has it, on as many lines of `room` letters as it needs, `most` at most.

    Cut in the middle, the names of two arms that differ there would be the same.
    """
    text = label(name, room * most)
    return "\n".join(textwrap.wrap(text, room, max_lines=most, placeholder="…")) or text


def value_ticks(axis: Axis, unit: str = "") -> None:
    """Plain numbers at the ticks, with as many digits as neighbours need to differ."""
    share = 100 if unit == "%" else 1
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{share * x:.6g}{unit}"))


def difference_ticks(axis: Axis, scale: float = 1) -> None:
    """The same with a sign, times `scale`: 100 for points."""
    axis.set_major_formatter(FuncFormatter(lambda x, _: _signed(scale * x)))


def _signed(x: float) -> str:
    return f"{x:+.6g}".replace("-", words.MINUS) if round(x, 9) else "0"


def mode(name: str) -> tuple[str, str]:
    """Colour and marker of a mode of reuse."""
    return MODES.get(name, OTHER_MODE)


def say_nothing_to_draw(ax: Axes, why: str) -> None:
    """An empty panel that says why it is empty."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, why, ha="center", va="center", color=MUTED, transform=ax.transAxes)


@lru_cache(maxsize=1)
def _families() -> tuple[str, ...]:
    installed = set(fontManager.get_font_names())
    return ("DejaVu Sans", *(font for font in _FONTS if font in installed))


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    fonts = (get_font(findfont(FontProperties(family=[name]))) for name in _families())
    return frozenset(code for font in fonts for code in font.get_charmap())
