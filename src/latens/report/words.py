"""Numbers as people read them: the same words in figures, pages and terminals.

A value that is missing (None) or not finite is a dash, never an exception: a report of an
unfinished run is still a report.
"""

from __future__ import annotations

import math
from typing import Any

DASH = "–"
MINUS = "−"


def finite(value: Any) -> float | None:
    """`value` as a float, or None where it is missing, not a number or infinite."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number_ = float(value)
    except (TypeError, ValueError):
        return None
    return number_ if math.isfinite(number_) else None


def number(value: Any, digits: int = 3) -> str:
    """Significant digits: 0.00077, 12.3, 4.56e-07; thousands with a comma."""
    known = finite(value)
    if known is None:
        return DASH
    if abs(known) >= 1000:
        return f"{known:,.0f}".replace("-", MINUS)
    shown = f"{known:.{digits}g}"
    return MINUS + shown[1:] if shown.startswith("-") else shown


def count(value: Any) -> str:
    """A whole number with thousands separated: 10,000."""
    known = finite(value)
    return DASH if known is None else f"{known:,.0f}"


def percent(value: Any, digits: int = 1) -> str:
    """A share from 0 to 1 as a percentage: 0.9123 is 91.2%."""
    known = finite(value)
    return DASH if known is None else f"{100 * known:.{digits}f}%"


def accuracy(value: Any, images: Any = None) -> str:
    """A percentage with as many digits as the number of images can carry."""
    known = finite(images)
    return percent(value, 2 if known is not None and known >= 5000 else 1)


def points(value: Any, digits: int = 1, *, sign: bool = True) -> str:
    """A difference of shares in percentage points, with its sign: +2.1."""
    known = finite(value)
    if known is None:
        return DASH
    shown = f"{100 * known:+.{digits}f}" if sign else f"{100 * known:.{digits}f}"
    if not float(shown):
        return shown.lstrip("+-")
    return shown.replace("-", MINUS)


def p_value(value: Any) -> str:
    """p = 0.004, and p < 0.001 where more digits would mislead."""
    known = finite(value)
    if known is None:
        return f"p {DASH}"
    return "p < 0.001" if known < 0.001 else f"p = {known:.3f}"


def seconds(value: Any) -> str:
    """A duration: 0.42 s, 12.3 s, 3 min 20 s, 2 h 5 min."""
    known = finite(value)
    if known is None:
        return DASH
    if known < 60:
        return f"{known:.3g} s"
    minutes, rest = divmod(round(known), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def labels(budget: Any) -> str:
    """A label budget in words: 50 labels, all labels, 1 label."""
    if budget in ("all", None):
        return "all labels"
    return "1 label" if budget == 1 else f"{count(budget)} labels"


def plain(text: Any) -> str:
    """A user's string on one line, without control characters (which a terminal would obey)."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(text))


def cut(text: str, room: int) -> str:
    """At most `room` characters; the middle goes, as names often differ at either end."""
    if len(text) <= room:
        return text
    tail = (room - 1) // 2
    return f"{text[: room - 1 - tail]}…{text[len(text) - tail :]}"
