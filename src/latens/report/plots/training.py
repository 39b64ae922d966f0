"""Training and validation curves from the metrics records of a run, finished or not.

`result` is ``{"records": [...]}``, one record a validation. Epochs are counted through all
phases, so that two-phase training reads from left to right; each phase is named above its part.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from latens.report import style, words

CAPTIONS = {
    "loss": "What training minimises, epoch by epoch. The dot marks the lowest value on "
    "validation images, which are never trained on.",
    "accuracy": "Share of images classified correctly, epoch by epoch. The dot marks the highest "
    "value on validation images, which are never trained on.",
}
NAMES = {
    "mse": "mean squared error",
    "bce": "binary cross-entropy",
    "loss": "loss",
    "neg_elbo": "−ELBO, nats",
    "kl": "divergence, nats",
    "masked_mse": "error of hidden patches",
}
PHASES = {"head": "head only", "all": "all layers"}
LOG_FROM = 3.0  # a narrower range reads better on a linear axis
Curve = npt.NDArray[np.float64]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """A figure of the losses, and one of the accuracy where there is one; none without records."""
    records = [record for record in result.get("records", []) if isinstance(record, dict)]
    keys = list(dict.fromkeys(key for record in records for key in _numbers(record)))
    losses = [key for key in keys if key != "accuracy"][:3]
    figures = {"loss": _panels(records, losses)} if losses else {}
    if "accuracy" in keys:
        figures["accuracy"] = _panels(records, ["accuracy"])
    return figures


def _numbers(record: dict[str, Any]) -> list[str]:
    parts = (record.get("train") or {}, record.get("val") or {})
    return [key for part in parts for key in part]


def _panels(records: list[dict[str, Any]], keys: list[str]) -> Figure:
    figure = style.figure(0.9 + 2.4 * len(keys))
    panels = figure.subplots(len(keys), 1, sharex=True, squeeze=False)[:, 0]
    for number, (ax, key) in enumerate(zip(panels, keys, strict=True)):
        _panel(ax, records, key, up=1.0 if number or len(_starts(records)) < 2 else 1.09)
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(
        MaxNLocator(8, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    )
    _phases(panels, records)
    return figure


def _panel(ax: Axes, records: list[dict[str, Any]], key: str, up: float) -> None:
    """One metric; the legend stands `up` so many heights, above the names of the phases."""
    epochs = through_all(records)
    curves = {part: _curve(records, part, key) for part in ("train", "val")}
    marker = "o" if len(records) <= 12 else ""
    looks = {"train": (style.MUTED, "training", "--"), "val": (style.BLUE, "validation", "-")}
    for part, (colour, name, dash) in looks.items():
        text = f"{name}{_best_in_words(epochs, curves[part], key) if part == 'val' else ''}"
        ax.plot(epochs, curves[part], dash, color=colour, label=text, marker=marker, ms=3.5)
    ax.set_ylabel(NAMES.get(key, style.label(key)))
    ax.set_xlim(0.5, epochs[-1] + 0.5)
    known = np.concatenate(list(curves.values()))
    _scale(ax, known[np.isfinite(known)], key)
    _mark_best(ax, epochs, curves["val"], key)
    if np.isfinite(known).any():  # above the panel, where no curve can be below it
        ax.legend(loc="lower left", bbox_to_anchor=(0, up), ncols=2, borderaxespad=0.1)


def through_all(records: list[dict[str, Any]]) -> npt.NDArray[np.int64]:
    """The epoch of each record, counted on through all phases; a record may stand for several."""
    epochs: list[int] = []
    before = 0
    for place, record in enumerate(records):
        if place and _phase(record, records[place - 1]):
            before = epochs[-1]
        one_more = epochs[-1] - before + 1 if epochs else 1
        epochs.append(before + int(record.get("epoch") or one_more))
    return np.array(epochs, np.int64)


def _curve(records: list[dict[str, Any]], part: str, key: str) -> Curve:
    values = (words.finite((record.get(part) or {}).get(key)) for record in records)
    return np.array([math.nan if value is None else value for value in values])


def _scale(ax: Axes, known: Curve, key: str) -> None:
    if not known.size:
        style.say_nothing_to_draw(ax, f"no finite values of {style.label(key)}")
    elif key == "accuracy":
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.4g}%"))
    elif known.min() > 0 and known.max() / known.min() >= LOG_FROM:
        ax.set_yscale("log")
        fine = known.max() / known.min() < 100
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if fine else (1,)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _best(curve: Curve, key: str) -> int:
    return int(np.nanargmax(curve) if key == "accuracy" else np.nanargmin(curve))


def _best_in_words(epochs: npt.NDArray[np.int64], curve: Curve, key: str) -> str:
    if not np.isfinite(curve).any():
        return ": no finite values"
    best = _best(curve, key)
    value = words.percent(curve[best], 2) if key == "accuracy" else words.number(curve[best])
    return f", best {value} in epoch {epochs[best]}"


def _mark_best(ax: Axes, epochs: npt.NDArray[np.int64], curve: Curve, key: str) -> None:
    if np.isfinite(curve).any():
        best = _best(curve, key)
        look: dict[str, Any] = {"color": style.BLUE, "ms": 7, "mec": style.PAPER, "mew": 1.5}
        ax.plot([epochs[best]], [curve[best]], "o", **look)


def _phases(panels: npt.NDArray[Any], records: list[dict[str, Any]]) -> None:
    """Shade every second phase and name each, where there is more than one."""
    starts = _starts(records)
    if len(starts) < 2:
        return
    epochs = through_all(records)
    ends = [int(epochs[i - 1]) for i in [*starts[1:], len(records)]]
    for number, (first, start, end) in enumerate(zip(starts, [0, *ends[:-1]], ends, strict=True)):
        name = str(records[first].get("phase", ""))
        for ax in panels:
            if number % 2:
                ax.axvspan(start + 0.5, end + 0.5, color=style.FAINT, alpha=0.4, lw=0, zorder=0)
        look = {"transform": panels[0].get_xaxis_transform(), "color": style.MUTED, "fontsize": 9}
        panels[0].text(start + 0.5, 1.02, style.label(PHASES.get(name, name)), va="bottom", **look)


def _starts(records: list[dict[str, Any]]) -> list[int]:
    """The first record of each phase."""
    return [i for i, record in enumerate(records) if not i or _phase(record, records[i - 1])]


def _phase(record: dict[str, Any], before: dict[str, Any]) -> bool:
    return record.get("phase") != before.get("phase")
