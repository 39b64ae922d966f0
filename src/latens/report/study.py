"""A study on its page: the question, the arms beside the report's numbers, the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from latens.report import words
from latens.report.page import Headline, Note, Section, Table

Result = Mapping[str, Any]


def section(title: str, result: Result) -> Section:
    """Question, arms, contrasts, reported numbers and remarks of a result "study"."""
    columns, cells = rows(result["arms"], str(result["metric"]))
    tables = [_tabled(columns, cells)]
    if result["reported"]:
        tables.append(_tabled(*reported(result), title="The report's numbers"))
    remarks = [Note("info", text) for text in result["remarks"]]
    return Section(
        title,
        facts=_facts(result),
        sentences=tuple(sentences(result)),
        tables=tuple(tables),
        notes=tuple(remarks),
    )


def sentences(result: Result) -> list[str]:
    """Each contrast in a sentence, and how many seeds one would take that is not shown."""
    return [item["sentence"] + _power(item) for item in result["contrasts"]]


def reported(result: Result) -> tuple[list[str], list[list[str]]]:
    """The report's own numbers as a table, beside the arms that answer them."""
    arms = {arm["name"]: arm for arm in result["arms"]}
    found = []
    for item in result["reported"]:
        ours = arms.get(item.get("ours") or "")
        here = f"{value(ours['mean'], ours['task'])} ({ours['name']})" if ours else ""
        found.append([str(item["what"]), str(item["value"]), here])
    return ["in the report", "its number", "here, on test"], found


def headline(result: Result) -> Headline:
    """The number of the arm that validation chose, and the question it answers."""
    arm = next(arm for arm in result["arms"] if arm["name"] == result["chosen"])
    found = [item["verdict"] for item in result["contrasts"]]
    tally = ", ".join(
        f"{found.count(kind)} {words_of}"
        for kind, words_of in (("gain", "shown better"), ("loss", "shown worse"),
                               ("no benefit", "not told apart"))
        if kind in found
    )  # fmt: skip
    of = f" Of {len(found)} differences: {tally}." if found else ""
    sentence = (
        f"{result['question']} Best on validation: {arm['name']}, "
        f"{value(arm['mean'], arm['task'])} on test (mean of {len(arm['test'])})."
    )
    return Headline(value(arm["mean"], arm["task"]), f"{sentence}{of}")


def table(title: str, result: Result) -> Section:
    """A result that is a list of `rows`, as a table of their fields."""
    return Section(title, tables=(_tabled(*lines(result["rows"])),))


def lines(found: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Records with the same fields as a table."""
    header = [name.replace("_", " ") for name in found[0]]
    return header, [
        [words.number(v, 4) if isinstance(v, float) else str(v) for v in row.values()]
        for row in found
    ]


def _tabled(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str = "") -> Table:
    return Table(tuple(columns), tuple(map(tuple, cells)), title=title)


def rows(arms: Sequence[Mapping[str, Any]], metric: str) -> tuple[list[str], list[list[str]]]:
    """The arms as a table: group, name, validation, test with its interval, time, parameters."""
    shown = [
        [
            arm["group"], arm["name"],
            value(arm["val_mean"], arm["task"]), value(arm["mean"], arm["task"]),
            _interval(arm), words.seconds(arm["seconds"]), words.count(arm["parameters"]),
        ]
        for arm in arms
    ]  # fmt: skip
    what = "accuracy" if metric == "accuracy" else "squared error"
    return ["", "arm", f"validation {what}", "test", "95 %", "training", "parameters"], shown


def value(number: Any, task: str) -> str:
    """An accuracy in percent, or a squared error."""
    if number is None:
        return ""
    return f"{100 * number:.2f}%" if task == "classify" else f"{number:.5f}"


def _interval(arm: Mapping[str, Any]) -> str:
    if arm.get("low") is None:
        return ""
    low, high = max(0.0, arm["low"]), arm["high"]
    if arm["task"] == "classify":
        high = min(1.0, high)
    return f"{value(low, arm['task'])} to {value(high, arm['task'])}"


def _power(item: Mapping[str, Any]) -> str:
    """How many seeds it would take to show this difference, where it is not shown."""
    needed = item.get("seeds_needed")
    if item["verdict"] != "no benefit" or not needed:
        return "."
    return f"; a difference of this size would take {needed} seeds to show."


def _facts(result: Result) -> tuple[tuple[str, str], ...]:
    return (
        (str(len(result["seeds"])), "seeds"),
        (str(result.get("chosen", "")), "best on validation"),
        (str(result.get("scale", "")), "scale"),
    )
