"""What a comparison comes to: a gain, a loss or no benefit, and the sentence that says so."""

from __future__ import annotations

from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["gain", "loss", "no benefit"]


def verdict(
    difference: float, low: float, high: float, p_corrected: float, alpha: float = 0.05
) -> Verdict:
    """A gain or a loss needs both: p below `alpha` and the whole interval on one side of zero."""
    if p_corrected < alpha and low > 0 and difference > 0:
        return "gain"
    if p_corrected < alpha and high < 0 and difference < 0:
        return "loss"
    return "no benefit"


def sentence(
    mode: str,
    labels: int | str,
    difference: float,
    low: float,
    high: float,
    p_corrected: float,
    *,
    level: float = 0.95,
    alpha: float = 0.05,
) -> str:
    """The verdict as people read it; differences come as fractions and are told in points.

    >>> sentence("two-phase", 50, 0.021, 0.012, 0.030, 0.004)
    'pretraining (two-phase) +2.1 points at 50 labels, 95% interval 1.2 to 3.0, corrected p 0.004'
    >>> sentence("frozen", "all", -0.001, -0.004, 0.002, 0.61)[:49]
    'no benefit shown from pretraining (frozen) at all'
    """
    change, lower, upper = _points(difference, low, high)
    sign = "" if change.startswith("-") else "+"
    at = f"at {labels} {'label' if labels == 1 else 'labels'}"
    opening = {
        "gain": f"pretraining ({mode}) {sign}{change} points {at}",
        "loss": f"pretraining ({mode}) hurts: {sign}{change} points {at}",
        "no benefit": f"no benefit shown from pretraining ({mode}) {at}: {sign}{change} points",
    }[verdict(difference, low, high, p_corrected, alpha)]
    shown_p = _p_text(p_corrected, alpha)
    return f"{opening}, {level * 100:g}% interval {lower} to {upper}, corrected p {shown_p}"


def _points(*fractions: float) -> list[str]:
    """Points with one decimal, or two where one would show a value as 0.0 that is not zero."""
    values = [100 * value for value in fractions]
    digits = 2 if any(value and abs(value) < 0.05 for value in values) else 1
    return [f"{round(value, digits) + 0.0:.{digits}f}" for value in values]


def _p_text(p: float, alpha: float) -> str:
    """Two significant digits, and more where rounding would carry p across `alpha`."""
    if p < 0.001:
        return "< 0.001"
    texts = [f"{p:.{digits}g}" for digits in (2, 3, 4, 17)]
    return next(text for text in texts if (float(text) < alpha) == (p < alpha))
