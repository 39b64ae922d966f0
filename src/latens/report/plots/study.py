"""The arms of a study side by side, and the differences that it asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from latens.report import study, style, words

CAPTIONS = {
    "accuracy": "Test accuracy of each arm. Each pale mark is one seed, the filled mark their "
    "mean, the line the 95% interval of the mean.",
    "error": "Squared error on test of each arm, pixels from 0 to 1. Each pale mark is one seed, "
    "the filled mark their mean, the line the 95% interval of the mean.",
    "bound": "The bound on the likelihood of test images, -ELBO in nats an image; less is better. "
    "Each pale mark is one seed, the filled mark their mean, the line its 95% interval.",
    "time": "Squared error on validation against seconds of training; lower left is better.",
    "differences": "Differences between arms with their 95% intervals; to the right the first arm "
    "is better. Blue: a gain; orange: a loss; grey: the data do not show one or the other.",
    "error-differences": "The same for arms that are judged by an error.",
}
ROOM, SMALL, LINE = 44, 8.0, 0.2  # letters of a name; its font, and inches a line, if it is small
FAR = 5.0  # times that the largest error is the smallest, from which the axis is logarithmic
_METRICS = {"accuracy": "accuracy", "mse": "error", "nats": "bound"}
Arm = Mapping[str, Any]


@style.styled
def draw(result: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Figure]:
    """*accuracy*, *error*, *time* and *differences*, each where there is something to draw."""
    figures = {}
    for unit, key in _METRICS.items():
        arms = [arm for arm in result.get("arms", []) if arm["unit"] == unit]
        if len(arms) > 1:
            figures[key] = _arms(arms, unit)
    errors = [arm for arm in result.get("arms", []) if arm["unit"] == "mse"]
    if result.get("metric") == "mse" and len(errors) > 1:
        figures["time"] = _time(errors)
    return {**figures, **_all_differences(result)}


def _canvas(names: list[tuple[str, bool]]) -> tuple[Figure, Axes]:
    """A figure with a row for each name; headings (True) in bold, those of two lines smaller."""
    figure = style.figure(0.8 + 0.3 * len(names))
    ax = figure.subplots()
    ax.set_yticks(range(len(names)), [name for name, _ in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(False, axis="y")
    ax.spines["left"].set_visible(False)
    for tick, (_, heading) in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_fontweight("bold" if heading else "normal")
        tick.set_fontsize(SMALL if "\n" in tick.get_text() else style.TICK)
    return figure, ax


def _arms(arms: list[Arm], unit: str) -> Figure:
    rows = _grouped([(arm["group"], _within(arm["group"], arm["name"]), arm) for arm in arms])
    figure, ax = _canvas([(style.lines(name, ROOM), arm is None) for name, arm in rows])
    for y, (_, arm) in enumerate(rows):
        if arm is not None:
            _arm(ax, y, arm, unit)
    ax.margins(x=0.06)
    if unit == "accuracy":
        ax.set_xlabel("test accuracy")
        style.value_ticks(ax.xaxis, "%")
    else:
        errors = [value for arm in arms if (value := words.finite(arm["mean"]))]
        _error_axis(ax, errors, "squared error" if unit == "mse" else "-ELBO in nats")
    return figure


def _grouped(given: list[tuple[str, str, Arm]]) -> list[tuple[str, Arm | None]]:
    """Rows of a name and what it names: those of no group, then each group under its heading."""
    rows: list[tuple[str, Arm | None]] = []
    for group in sorted(dict.fromkeys(group for group, _, _ in given), key=bool):
        rows += [(group, None)] if group else []
        rows += [(name, item) for its, name, item in given if its == group]
    return rows


def _within(group: str, name: str) -> str:
    """The name without the group's, which stands above it: *digits: small* under *digits*."""
    return name.removeprefix(f"{group}: ")


def _error_axis(ax: Axes, errors: list[float], what: str) -> None:
    """Logarithmic where arms lie far apart; elsewhere such an axis has hardly a tick."""
    far = bool(errors) and min(errors) > 0 and max(errors) / min(errors) > FAR
    ax.set_xlabel(f"{what} on test{' (logarithmic)' if far else ''}")
    if far:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_locator(NullLocator())
    style.value_ticks(ax.xaxis)


def _arm(ax: Axes, y: int, arm: Arm, unit: str) -> None:
    tests = [value for value in map(words.finite, arm["test"]) if value is not None]
    offsets = np.linspace(-0.16, 0.16, len(tests)) if len(tests) > 1 else np.zeros(len(tests))
    ax.plot(tests, y + offsets, "o", color=style.INK, alpha=0.35, ms=4, mew=0, ls="")
    low, high = words.finite(arm.get("low")), words.finite(arm.get("high"))
    if low is not None and high is not None:
        bottom = low if unit == "accuracy" else max(low, min(tests) / 2)  # a log axis has no zero
        top = min(high, 1.0) if unit == "accuracy" else high
        ax.plot([bottom, top], [y, y], color=style.INK, lw=2)
    ax.plot([arm["mean"]], [y], "o", color=style.INK, ms=6.5, mec=style.PAPER, mew=1.0)
    ax.text(
        1.02,
        y,
        study.value(arm["mean"], unit),
        transform=ax.get_yaxis_transform(),
        va="center",
        fontsize=9.5,
    )


def _time(arms: list[Arm]) -> Figure:
    """Points, and their names in a column beside them, each at the end of a line of its own."""
    figure = style.figure(max(4.2, 1.0 + LINE * len(arms)), style.WIDE)
    ax = figure.subplots()
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.plot(
        [arm["seconds"] for arm in arms], [arm["val_mean"] for arm in arms],
        "o", color=style.INK, ms=5, ls="",
    )  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        style.value_ticks(axis)
    ax.set_xlabel("seconds of training")
    ax.set_ylabel("squared error on validation")
    ax.margins(0.08)
    ax.autoscale_view()
    _name(ax, arms)
    return figure


def _name(ax: Axes, arms: list[Arm]) -> None:
    arms = sorted(arms, key=lambda arm: float(arm["val_mean"]), reverse=True)
    points = [(arm["seconds"], arm["val_mean"]) for arm in arms]
    wanted = ax.transAxes.inverted().transform(ax.transData.transform(points))[:, 1]
    for arm, point, y in zip(arms, points, apart(list(wanted), 1 / (len(arms) + 1)), strict=True):
        ax.annotate(
            style.lines(arm["name"], ROOM, most=1), point, xytext=(1.03, y),
            textcoords="axes fraction", fontsize=SMALL, color=style.MUTED, va="center",
            arrowprops={"arrowstyle": "-", "color": style.FAINT, "lw": 0.8},
        )  # fmt: skip


def apart(wanted: list[float], gap: float) -> list[float]:
    """Places from top (1) to bottom (0), `gap` apart or more, near those that are wanted.

    `wanted` runs downwards, and there is room for all.
    """
    places: list[float] = []
    for number, place in enumerate(wanted):
        below = (len(wanted) - 1 - number) * gap  # which those that follow need
        places.append(max(min([place, 1.0, *(last - gap for last in places[-1:])]), below))
    return places


def _all_differences(result: dict[str, Any]) -> dict[str, Figure]:
    """A figure of the differences in the study's own metric, and one of those in another."""
    metric, figures = str(result.get("metric")), {}
    for name, wanted in (("differences", True), ("error-differences", False)):
        found = [item for item in result.get("contrasts", [])
                 if (item.get("unit", metric) == metric) is wanted]  # fmt: skip
        if found:
            groups = {arm["name"]: arm["group"] for arm in result.get("arms", [])}
            figures[name] = _differences(found, str(found[0].get("unit", metric)), groups)
    return figures


def _differences(contrasts: list[dict[str, Any]], unit: str, groups: Mapping[str, str]) -> Figure:
    rows = _grouped([_row(item, groups.get(item["arm"], "")) for item in contrasts])
    figure, ax = _canvas([(name, item is None) for name, item in rows])
    ax.axvline(0, color=style.INK, linewidth=1)
    for y, (_, item) in enumerate(rows):
        if item is None:
            continue
        colour = style.VERDICTS.get(str(item.get("verdict")), style.MUTED)
        low, high = words.finite(item.get("low")), words.finite(item.get("high"))
        if low is not None and high is not None:
            ax.plot([low, high], [y, y], color=colour, lw=2.2)
        ax.plot([item["difference"]], [y], "o", color=colour, ms=6.5, mec=style.PAPER, mew=1.0)
        p = words.p_value(item.get("p_corrected"))
        ax.text(1.02, y, p, transform=ax.get_yaxis_transform(), va="center", color=colour,
                fontsize=9.5)  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(3))  # names leave little room
    if unit == "accuracy":
        ax.set_xlabel("points of test accuracy")
        style.difference_ticks(ax.xaxis, 100)
    else:
        what = "nats" if unit == "nats" else "squared error"
        ax.set_xlabel(f"less {what} on validation")
        style.difference_ticks(ax.xaxis)
    return figure


def _row(item: Arm, group: str) -> tuple[str, str, Arm]:
    """A difference within one group that is part of both names stands under its heading."""
    arm, control = item["arm"], item["control"]
    if group and all(name.startswith(f"{group}: ") for name in (arm, control)):
        return group, _against(_within(group, arm), _within(group, control)), item
    return "", _against(arm, control), item


def _against(arm: str, control: str) -> str:
    """Two arms on one line where there is room, else on two: neither is cut for the other."""
    both = f"{arm} − {control}"
    if len(both) <= ROOM:
        return style.label(both, ROOM)
    return f"{style.label(arm, ROOM)}\n− {style.label(control, ROOM)}"
