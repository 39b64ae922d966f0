"""What each kind of result says on a page besides its figures: facts, sentences and tables.

A result without a function here still appears: with its figures and its plain numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import median
from typing import Any

from latens.report import explored, study, text, words
from latens.report.page import Note, Section, Table

FOLD_FROM = 20  # classes
TITLES = {
    "training": "Training",
    "reconstruction": "Reconstruction of validation images",
    "reconstruction-test": "Reconstruction of test images",
    "classification": "Classification",
    "comparison": "Comparison",
}
Result = Mapping[str, Any]


def section(name: str, result: Result) -> Section:
    """The words and tables of one result, without its figures."""
    kind = name.removesuffix("-test")
    if kind in explored.TITLES:
        return explored.section(kind, result)
    title = TITLES.get(name, words.plain(name).replace("-", " ").replace("_", " ").capitalize())
    makers = {
        "training": _training,
        "reconstruction": _reconstruction,
        "reconstruction-test": _reconstruction,
        "classification": _classification,
        "comparison": _comparison,
        "study": study.section,
    }
    plain = study.table if result.get("rows") else _anything
    return makers.get(name, plain)(title, result)


def findings(result: Result) -> tuple[Note, ...]:
    """Notes from a *findings* result, the gravest first."""
    order = {"error": 0, "warning": 1}
    rows = sorted(result.get("findings") or [], key=lambda row: order.get(row.get("severity"), 2))
    return tuple(
        Note(
            str(row.get("severity", "info")), str(row.get("message", "")), str(row.get("code", ""))
        )
        for row in rows
    )


def folded(title: str, values: Result) -> Section:
    """A nested mapping as a folded table of dotted names."""
    rows = tuple((name, value) for name, value in _flat(values))
    return Section(title, tables=(Table((), rows),) if rows else (), fold=True)


def _training(title: str, result: Result) -> Section:
    records = [record for record in result.get("records", []) if isinstance(record, dict)]
    if result.get("imported"):
        where = "by latens" if result.get("ours") else "elsewhere"
        told = f"It was trained {where}, and read from {words.plain(result['imported'])}."
        return Section(title, sentences=(told,))
    if not records:
        return _anything(title, result)
    # The clock of a record runs over the whole training, all sittings together.
    took = max((words.finite(record.get("seconds")) or 0.0 for record in records), default=0.0)
    speeds = [words.finite(record.get("images_per_second")) for record in records]
    known = [speed for speed in speeds if speed]
    # The number that the command printed, where the training came to its end.
    speed = words.finite(result.get("images_per_second")) or (median(known) if known else None)
    # A record may stand for several epochs, where validations are further apart.
    epochs = sum({str(r.get("phase")): int(r.get("epoch") or 1) for r in records}.values())
    facts = [(words.count(epochs), "epochs" if epochs != 1 else "epoch")]
    if took:
        facts.append((words.seconds(took), "training, with validation"))
    if speed:
        facts.append((words.count(speed), "images a second in the updates alone"))
    return Section(title, facts=tuple(facts), tables=(_epochs(records),))


def _epochs(records: list[dict[str, Any]]) -> Table:
    keys = [
        (part, key)
        for part in ("train", "val")
        for key in dict.fromkeys(k for record in records for k in record.get(part) or {})
    ]
    named = {"train": "training", "val": "validation"}
    header = ("phase, epoch", *(f"{named[part]} {key}" for part, key in keys))
    rows = tuple(
        (
            f"{words.plain(record.get('phase', ''))} {record.get('epoch', '')}",
            *(words.number((record.get(part) or {}).get(key), 4) for part, key in keys),
        )
        for record in records
    )
    return Table(header, rows, title="Every epoch", fold=True)


def _reconstruction(title: str, result: Result) -> Section:
    facts = [
        (words.number(result.get("mse")), "mean squared error"),
        (f"{words.number(result.get('psnr'))} dB", "PSNR"),
        (words.number(result.get("ssim")), "SSIM"),
        (
            words.count(result.get("code")),
            f"numbers, for {words.count(result.get('pixels'))} pixels",
        ),
        *_more(result),
    ]
    if words.finite(result.get("pca_mse")):
        facts.append((words.number(result["pca_mse"]), "error of PCA with as many numbers"))
    elif result.get("pca_reason"):
        return Section(title, facts=tuple(facts), sentences=(_without_pca(result),))
    return Section(title, facts=tuple(facts))


def _more(result: Result) -> list[tuple[str, str]]:
    """What some objectives measure besides the error of clean images."""
    return [
        (f"{words.number(result[key])}{unit}", what)
        for key, (what, unit) in text.MORE.items()
        if words.finite(result.get(key)) is not None
    ]


def _without_pca(result: Result) -> str:
    reason = words.plain(result["pca_reason"]).rstrip(".")
    return f"PCA was not computed: {reason}."


def _classification(title: str, result: Result) -> Section:
    facts = (
        (words.accuracy(result.get("accuracy"), result.get("images")), "accuracy"),
        (words.count(result.get("images")), "images"),
        (words.number(result.get("loss", result.get("nll"))), "negative log-likelihood"),
        (words.number(result.get("brier")), "Brier score"),
        (words.percent(result.get("ece")), "calibration error (ECE)"),
    )
    tables = [_report(result["report"])] if result.get("report") else []
    return Section(title, facts=facts, tables=tuple(tables))


def _report(report: Result) -> Table:
    heads = ("precision", "recall", "f1-score")
    rows = {name: row for name, row in report.items() if isinstance(row, dict)}
    classes = [name for name in rows if name not in text.AVERAGES]
    cells = {
        name: (
            *(f"{words.finite(row.get(head)) or 0.0:.3f}" for head in heads),
            words.count(row.get("support")),
        )
        for name, row in rows.items()
    }
    if "accuracy" in report:
        support = words.count((report.get("macro avg") or {}).get("support"))
        cells["accuracy"] = ("", "", f"{report['accuracy']:.3f}", support)
    averages = [name for name in text.AVERAGES if name in cells]
    lines = [(words.cut(words.plain(name), 60), *cells[name]) for name in classes]
    below = [(name, *cells[name]) for name in averages]
    fold = len(classes) > FOLD_FROM
    title = f"Precision, recall and F1 of the {len(classes)} classes"
    return Table(("class", *heads, "support"), (*lines, (), *below), title=title, fold=fold)


def _comparison(title: str, result: Result) -> Section:
    sentences = tuple(text.verdict(item) for item in result.get("comparisons") or [])
    return Section(
        title,
        sentences=sentences,
        tables=(_arms(result.get("arms") or []),),
    )


def _arms(arms: list[dict[str, Any]]) -> Table:
    header: tuple[str, ...] = (
        "arm",
        "labels",
        "accuracy",
        "95% interval",
        "seeds",
        "training time each",
    )
    rows = tuple(_arm(arm) for arm in arms)
    if all(row[-1] == words.DASH for row in rows):
        header, rows = header[:-1], tuple(row[:-1] for row in rows)
    return Table(header, rows, title="Every arm")


def _arm(arm: dict[str, Any]) -> tuple[str, ...]:
    return (
        words.plain(arm.get("mode", "?")),
        "all" if arm.get("labels") == "all" else words.count(arm.get("labels")),
        words.percent(arm.get("mean"), 2),
        f"{words.points(arm.get('low'), 2, sign=False)} to {words.percent(arm.get('high'), 2)}",
        str(len(arm.get("accuracies") or [])),
        _mean_time(arm.get("train_seconds")),
    )


def _mean_time(times: Any) -> str:
    known = [time for time in map(words.finite, times or []) if time is not None]
    return words.seconds(sum(known) / len(known)) if known else words.DASH


def _anything(title: str, result: Result) -> Section:
    facts = tuple(
        (words.number(value), str(key).replace("_", " "))
        for key, value in result.items()
        if words.finite(value) is not None
    )
    return Section(title, facts=facts)


def _flat(values: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(values, Mapping) and (values or not name):
        return [
            row
            for key, value in values.items()
            for row in _flat(value, f"{name}.{key}" if name else str(key))
        ]
    if isinstance(values, str):
        return [(name, values)]
    return [(name, json.dumps(values, ensure_ascii=False, default=str))]
