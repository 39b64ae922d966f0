"""Where values stand on an axis, from 0 to 1, and which of them are named there.

Numbers stand on a line. What has no place on it (missing, not a number, infinite, not positive on
a log axis) has a place of its own below; text has a place for each value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import LogLocator, MaxNLocator

from latens.report.table import Column, Value

SLOT, GAP = 0.07, 0.05  # shares of the axis: a place below the line, and the room between
FEW = 8  # different numbers up to which each is named
Units = npt.NDArray[np.float64]
Tick = tuple[float, str]


@dataclass(frozen=True)
class Scale:
    """A column on an axis: `unit` ``[N]``, from 0 to 1, for its rows; `ticks` what is named.

    Numbers stand from `base` on; below are the places of what is no number.
    """

    unit: Units
    ticks: list[Tick]
    base: float = 0.0

    def apart(self, room: float) -> list[Tick]:
        """Ticks from the lowest on that are at least `room` apart."""
        kept: list[Tick] = []
        for unit, name in sorted(self.ticks):
            if not kept or unit - kept[-1][0] >= room:
                kept.append((unit, name))
        return kept

    @classmethod
    def of(cls, column: Column, values: list[Value]) -> Self:
        """For these values of the column."""
        keys = [_place_of(column, value) for value in values]
        below = _names(column, keys)
        on_line = [float(v or 0) for v, k in zip(values, keys, strict=True) if k == ON_LINE]
        base = len(below) * SLOT + GAP if on_line and below else 0.0
        line = _Line(min(on_line), max(on_line), base, column.log) if on_line else None
        slots = _slots(below, alone=line is None)
        unit = [
            slots[key] if key in slots else line.unit(float(value or 0)) if line else 0.5
            for value, key in zip(values, keys, strict=True)
        ]
        named = [(place, name) for name, place in slots.items()]
        ticks = [*named, *(line.ticks(set(on_line)) if line else [])]
        return cls(np.asarray(unit), ticks, base)


ON_LINE = ""
MISSING = "missing"


def _place_of(column: Column, value: Value) -> str:
    """The name of the place of a value; `ON_LINE` for a number that stands on the line."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value or " "
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return "≤ 0" if column.log and value <= 0 else ON_LINE


def _names(column: Column, keys: list[str]) -> list[str]:
    """The places that are needed, from the top: names in order, what is missing last."""
    found = set(keys) - {ON_LINE}
    if column.kind == "number":
        return [name for name in ("≤ 0", "−∞", "∞", "NaN", MISSING) if name in found]
    return [*sorted(found - {MISSING}, key=_natural), *sorted(found & {MISSING})]


def _natural(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return math.inf, name


def _slots(names: list[str], *, alone: bool) -> dict[str, float]:
    """The unit of each place: over the whole axis, or below the line."""
    many = len(names)
    if alone:
        return {name: 1 - (number + 0.5) / many for number, name in enumerate(names)}
    return {name: (many - number - 0.5) * SLOT for number, name in enumerate(names)}


@dataclass(frozen=True)
class _Line:
    """A line of numbers from `low` to `high`, above `base`."""

    low: float
    high: float
    base: float
    log: bool

    def unit(self, value: float) -> float:
        if self.low == self.high:
            return self.base + (1 - self.base) / 2
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            share = (math.log(value) - low) / (high - low)
        else:  # halves do not overflow
            share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return self.base + share * (1 - self.base)

    def ticks(self, values: set[float]) -> list[Tick]:
        few = len(values) <= FEW
        chosen = sorted(values) if few else [self.low, *self._round(), self.high]
        named: list[Tick] = []
        for value in chosen:
            unit = self.unit(value)
            if not named or unit - named[-1][0] >= 0.045:
                named.append((unit, short(value)))
        return named

    def _round(self) -> list[float]:
        """Round numbers that are not too near to the ends."""
        locator = LogLocator(numticks=6) if self.log else MaxNLocator(5)
        found = locator.tick_values(self.low, self.high)
        edge = 0.05 * (1 - self.base)
        return [
            float(value) for value in found
            if self.low < value < self.high and self.base + edge < self.unit(value) < 1 - edge
        ]  # fmt: skip


def short(value: float) -> str:
    """At most four digits: 64, 0.001, 1e-5.

    >>> short(64.0), short(0.00123456), short(1e-5), short(-0.5)
    ('64', '0.001235', '1e-5', '−0.5')
    """
    mantissa, mark, power = f"{abs(value):.4g}".partition("e")
    text = f"{mantissa}e{int(power)}" if mark else mantissa
    return f"−{text}" if value < 0 else text
