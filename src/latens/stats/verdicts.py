"""What a comparison comes to: a gain, a loss or neither, and the sentence that says so."""

from __future__ import annotations

from typing import Literal, TypeAlias

from latens.errors import plural

Verdict: TypeAlias = Literal["gain", "loss", "no benefit", "not shown"]
ENOUGH = 5  # seeds


def verdict(
    difference: float,
    low: float,
    high: float,
    p_corrected: float,
    alpha: float = 0.05,
    *,
    seeds: int = ENOUGH,
) -> Verdict:
    """A gain or a loss needs both: p below `alpha` and the whole interval on one side of zero.

    Else it is "no benefit", or with fewer than five `seeds`, which overlook most gains, "not
    shown".
    """
    if p_corrected < alpha and low > 0 and difference > 0:
        return "gain"
    if p_corrected < alpha and high < 0 and difference < 0:
        return "loss"
    return "no benefit" if seeds >= ENOUGH else "not shown"


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
    seeds: int = ENOUGH,
) -> str:
    """The verdict as people read it; differences come as fractions and are told in points.

    >>> sentence("two-phase", 50, 0.021, 0.012, 0.030, 0.004)
    'pretraining (two-phase) +2.1 points at 50 labels, 95% interval 1.2 to 3.0, corrected p 0.004'
    >>> sentence("frozen", "all", -0.001, -0.004, 0.002, 0.61)[:49]
    'no benefit shown from pretraining (frozen) at all'
    >>> sentence("frozen", 50, 0.04, -0.3, 0.38, 0.5, seeds=2)[:59]
    'not shown with 2 seeds that pretraining (frozen) helps at 5'
    """
    change, lower, upper = _points(difference, low, high)
    sign = "" if change.startswith("-") else "+"
    at = f"at {plural(labels, 'label') if isinstance(labels, int) else f'{labels} labels'}"
    opening = {
        "gain": f"pretraining ({mode}) {sign}{change} points {at}",
        "loss": f"pretraining ({mode}) hurts: {sign}{change} points {at}",
        "no benefit": f"no benefit shown from pretraining ({mode}) {at}: {sign}{change} points",
        "not shown": f"not shown with {plural(seeds, 'seed')} that pretraining ({mode}) helps "
        f"{at}: {sign}{change} points",
    }[verdict(difference, low, high, p_corrected, alpha, seeds=seeds)]
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
