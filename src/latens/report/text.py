"""Results as plain text, for terminals and logs. Every function returns a string, nothing prints.

Class names come from users: control characters, which a terminal would obey, are replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from latens.report import words

AVERAGES = ("accuracy", "micro avg", "macro avg", "weighted avg")
BARS = "▁▂▃▄▅▆▇█"
MATRIX_UP_TO = 12
MORE = {
    "noisy_mse": ("error of corrupted images given back", ""),
    "input_mse": ("error of corrupted images as they came", ""),
    "neg_elbo": ("−ELBO an image", " nats"),
    "kl": ("divergence of the code an image", " nats"),
    "active": ("variables of the code in use", ""),
    "masked_mse": ("error of hidden patches", ""),
}
STRIP = 30
LINE = 100  # characters that a matrix may take


def classification_report(report: dict[str, Any], digits: int = 2) -> str:
    """The text that `sklearn.metrics.classification_report` gives, from its `output_dict`."""
    rows = {name: row for name, row in report.items() if isinstance(row, dict)}
    classes = [name for name in rows if name not in AVERAGES]
    width = max([len(words.plain(name)) for name in classes] + [len("weighted avg"), digits])
    heads = ("precision", "recall", "f1-score", "support")
    lines = [" " * width + " " + "".join(f" {head:>9}" for head in heads), ""]
    lines += [_scores(words.plain(name), rows[name], width, digits) for name in classes]
    lines.append("")
    if "accuracy" in report:
        lines.append(_accuracy(report, width, digits))
    lines += [_scores(name, rows[name], width, digits) for name in AVERAGES if name in rows]
    return "\n".join(lines) + "\n"


def _scores(name: str, row: dict[str, float], width: int, digits: int) -> str:
    shares = "".join(f" {row[key]:>9.{digits}f}" for key in ("precision", "recall", "f1-score"))
    return f"{name:>{width}} {shares} {row['support']:>9.0f}"


def _accuracy(report: dict[str, Any], width: int, digits: int) -> str:
    support = report["macro avg"]["support"]
    return (
        f"{'accuracy':>{width}} {'':>10}{'':>10} {report['accuracy']:>9.{digits}f} {support:>9.0f}"
    )


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """A matrix up to 12 classes, rows true and columns predicted; beyond, the worst mistakes."""
    if len(counts) > MATRIX_UP_TO:
        return mistakes(counts, names)
    short = [words.cut(words.plain(name), 14) for name in names]
    cell = max([len(f"{value}") for row in counts for value in row] + [3])
    room = (LINE - max(map(len, short), default=0)) // max(len(names), 1) - 2
    heads = [words.cut(name, max(cell, 6, room)) for name in short]
    widths = [max(cell, len(head)) + 2 for head in heads]
    left = max(len(name) for name in short)
    lines = [" " * left + "".join(f"{h:>{w}}" for h, w in zip(heads, widths, strict=True))]
    for name, row in zip(short, counts, strict=True):
        shown = (str(value) if value else "·" for value in row)
        cells = "".join(f"{value:>{w}}" for value, w in zip(shown, widths, strict=True))
        lines.append(f"{name:>{left}}{cells}")
    return "\n".join(lines)


def objective(result: dict[str, Any]) -> str:
    """What some objectives measure besides the error of clean images, on one line; or empty."""
    parts = [
        f"{what} {words.number(result[key])}{unit}"
        for key, (what, unit) in MORE.items()
        if words.finite(result.get(key)) is not None
    ]
    line = ", ".join(parts)
    return line[:1].upper() + line[1:]


def mistakes(counts: Sequence[Sequence[int]], names: Sequence[str], most: int = 5) -> str:
    """The most frequent mistakes, one a line: how often, true class, predicted class."""
    pairs = [
        (value, words.plain(names[true]), words.plain(names[said]))
        for true, row in enumerate(counts)
        for said, value in enumerate(row)
        if value and true != said
    ]
    pairs.sort(key=lambda pair: -pair[0])
    lines = [f"{value:>6} × {true} taken for {said}" for value, true, said in pairs[:most]]
    return "\n".join(lines) if lines else "no mistakes"


def sparkline(values: Iterable[Any], width: int = 40) -> str:
    """One line of blocks, the highest value the fullest; a gap where a value is not finite.

    Longer series are thinned evenly; the first and the last value are always kept.
    """
    series = [words.finite(value) for value in values]
    if len(series) > width > 1:
        series = [series[round(i * (len(series) - 1) / (width - 1))] for i in range(width)]
    known = [value for value in series if value is not None]
    if not known:
        return ""
    scale = max(map(abs, known)) or 1.0  # the difference of two huge values is not finite
    low, high = min(known) / scale, max(known) / scale
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(" " if v is None else BARS[round((v / scale - low) / step)] for v in series)


def comparison(result: dict[str, Any]) -> str:
    """Arms with means and intervals drawn to one scale, then each comparison in a sentence."""
    arms = [arm for arm in result.get("arms", []) if words.finite(arm.get("mean")) is not None]
    low, high = _range(arms)
    lines: list[str] = []
    for budget in dict.fromkeys(arm["labels"] for arm in arms):
        lines += ["", words.labels(budget)]
        lines += [_arm(arm, low, high) for arm in arms if arm["labels"] == budget]
    sentences = [verdict(item) for item in result.get("comparisons", [])]
    return "\n".join([*lines[1:], "", *sentences] if lines else sentences)


def verdict(item: dict[str, Any]) -> str:
    """One comparison in one sentence; its own, where it brings one."""
    if item.get("sentence"):
        return words.plain(item["sentence"])
    who = f"{words.plain(item.get('mode'))} against {words.plain(item.get('control', 'scratch'))}"
    spread = f"{words.points(item.get('low'))} to {words.points(item.get('high'))}"
    p = words.p_value(item.get("p_corrected", item.get("p"))).replace(" = ", " ")
    return (
        f"{item.get('verdict', 'unknown')}: {who}, {words.points(item.get('difference'))} points "
        f"at {words.labels(item.get('labels'))}, 95% interval {spread}, corrected {p}"
    )


def _range(arms: list[dict[str, Any]]) -> tuple[float, float]:
    ends = [words.finite(arm.get(key)) for arm in arms for key in ("low", "mean", "high")]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _arm(arm: dict[str, Any], low: float, high: float) -> str:
    ends = [words.finite(arm.get(key)) for key in ("low", "mean", "high")]
    places = [None if end is None else _place(end, low, high) for end in ends]
    strip = [" "] * STRIP
    if places[0] is not None and places[2] is not None:
        strip[places[0] : places[2] + 1] = "─" * (places[2] + 1 - places[0])
    if places[1] is not None:
        strip[places[1]] = "●"
    spread = f"{words.points(ends[0], sign=False)} to {words.percent(ends[2])}"
    name = words.cut(words.plain(arm.get("mode")), 14)
    return f"  {name:<14} {words.percent(ends[1]):>6}  {''.join(strip)}  {spread}"


def _place(value: float, low: float, high: float) -> int:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(share * (STRIP - 1))
