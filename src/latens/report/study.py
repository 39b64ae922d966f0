"""A study on its page: the question, the arms beside the report's numbers, the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from latens.report import words
from latens.report.page import Headline, Note, Section, Table

Result = Mapping[str, Any]
ENOUGH = 5  # seeds
Rows = list[list[str]]
"""The cells of a table; a row of one cell is a heading for those below."""
VERDICTS = {
    "gain": "shown better", "loss": "shown worse",
    "no benefit": "not told apart", "not shown": "not told apart",
}  # fmt: skip


def section(title: str, result: Result) -> Section:
    """Arms, contrasts, reported numbers and remarks of a result "study"."""
    tables = [_tabled(*rows(result["arms"]), title="Every arm")]
    if result["reported"]:
        tables.append(_tabled(*reported(result), title="The report's numbers", all_words=True))
    return Section(
        title,
        facts=_facts(result),
        sentences=tuple(sentences(result)),
        tables=tuple(tables),
        notes=(*warnings(result), *(Note("info", text) for text in result["remarks"])),
    )


def warnings(result: Result) -> list[Note]:
    """What keeps a reader from taking the numbers for more than they are."""
    found = []
    if result["scale"] == "smoke":
        text = (
            f"A smoke run: {result['data']} and a few updates, to see that everything works. "
            "Its numbers answer nothing."
        )
        found.append(Note("warning", text, "smoke"))
    if len(result["seeds"]) < ENOUGH:
        text = f"Fewer than {ENOUGH} seeds: luck can look like a result."
        found.append(Note("warning", text, "few-seeds"))
    return found


def sentences(result: Result) -> list[str]:
    """Each contrast in a sentence, and how many seeds one would take that is not shown."""
    return [item["sentence"] + _power(item) for item in result["contrasts"]]


def reported(result: Result) -> tuple[list[str], Rows]:
    """The report's own numbers as a table, beside the arms that answer them, where some do."""
    arms = {arm["name"]: arm for arm in result["arms"]}
    header, found = ["in the report", "its number", "here, on test"], []
    for item in result["reported"]:
        ours = arms.get(item.get("ours") or "")
        here = f"{value(ours['mean'], ours['unit'])} ({ours['name']})" if ours else ""
        found.append([str(item["what"]), str(item["value"]), here])
    if any(row[-1] for row in found):
        return header, found
    return header[:-1], [row[:-1] for row in found]


def headline(result: Result) -> Headline:
    """The number of the arm that validation chose, and the question it answers."""
    arm = _chosen(result)
    return Headline(value(arm["mean"], arm["unit"]), f"{result['question']} {answer(result)}")


def answer(result: Result) -> str:
    """What came out, in a sentence or two."""
    arm = _chosen(result)
    seeds = len(arm["test"])
    mean = f"mean of {seeds} seeds" if seeds > 1 else "one seed"
    best = f"Best on validation: {arm['name']}, {value(arm['mean'], arm['unit'])} on test ({mean})."
    found = [VERDICTS[item["verdict"]] for item in result["contrasts"]]
    if not found:
        return best
    if len(found) == 1:
        return f"{best} The one difference that was asked about was {found[0]}."
    tally = ", ".join(f"{found.count(told)} {told}" for told in dict.fromkeys(VERDICTS.values())
                      if told in found)  # fmt: skip
    return f"{best} Of {len(found)} differences: {tally}."


def table(title: str, result: Result) -> Section:
    """A result that is a list of `rows`, as a table of their fields."""
    header, cells = lines(result["rows"])
    texts = {at for at, x in enumerate(_fields(result["rows"][0]).values()) if isinstance(x, str)}
    return Section(title, tables=(_tabled(header, cells, texts=frozenset(texts)),))


def lines(found: Sequence[Mapping[str, Any]]) -> tuple[list[str], Rows]:
    """Records with the same fields as a table; an interval is one column, p is short."""
    fields = [_fields(row) for row in found]
    return [name.replace("_", " ") for name in fields[0]], [
        [_cell(name, x) for name, x in row.items()] for row in fields
    ]


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record; `low` and `high` become an interval in the place of `low`."""
    if not {"low", "high"} <= set(row):
        return dict(row)
    both = (row["low"], row["high"])
    named = {"low": "95 % interval"}
    return {named.get(k, k): both if k == "low" else x for k, x in row.items() if k != "high"}


def _cell(name: str, x: Any) -> str:
    if isinstance(x, tuple):
        return " to ".join(words.number(end) for end in x)
    if name in ("p", "p_corrected"):
        return words.p_value(x).removeprefix("p ").removeprefix("= ")
    return words.number(x, 4) if isinstance(x, float) else str(x)


def rows(arms: Sequence[Mapping[str, Any]]) -> tuple[list[str], Rows]:
    """The arms as a table, group after group: name, validation, test, interval, time, size."""
    shown: Rows = []
    for group in dict.fromkeys(arm["group"] for arm in arms):
        shown += [[group]] if group else []
        shown += [_row(arm) for arm in arms if arm["group"] == group]
    units = {arm["unit"] for arm in arms}
    what = {"accuracy": " accuracy", "mse": " squared error", "nats": " -ELBO"}
    named = f"validation{what[units.pop()] if len(units) == 1 else ''}"
    return ["arm", named, "test", "95 % interval", "training", "parameters"], shown


def value(number: Any, unit: str) -> str:
    """An accuracy in percent, a bound in nats, or a squared error ("mse")."""
    if number is None:
        return ""
    return {"accuracy": f"{100 * number:.2f}%", "nats": f"{number:.2f} nats"}.get(
        unit, f"{number:.5f}"
    )


def _row(arm: Mapping[str, Any]) -> list[str]:
    return [
        arm["name"], value(arm["val_mean"], arm["unit"]), value(arm["mean"], arm["unit"]),
        _interval(arm), words.seconds(arm["seconds"]), words.count(arm["parameters"]),
    ]  # fmt: skip


def _chosen(result: Result) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(a for a in result["arms"] if a["name"] == result["chosen"])
    return found


def _tabled(
    columns: Sequence[str],
    cells: Sequence[Sequence[str]],
    title: str = "",
    texts: frozenset[int] = frozenset(),
    all_words: bool = False,
) -> Table:
    texts = frozenset(range(len(columns))) if all_words else texts
    return Table(tuple(columns), tuple(map(tuple, cells)), title=title, words=texts)


def _interval(arm: Mapping[str, Any]) -> str:
    if arm.get("low") is None:
        return ""
    low, high = max(0.0, arm["low"]), arm["high"]
    if arm["unit"] == "accuracy":
        high = min(1.0, high)
    return f"{value(low, arm['unit'])} to {value(high, arm['unit'])}"


def _power(item: Mapping[str, Any]) -> str:
    """How many seeds it would take to show this difference, where it is not shown."""
    needed = item.get("seeds_needed")
    if item["verdict"] in ("gain", "loss") or not needed:
        return "."
    return f"; a difference of this size would take {needed} seeds to show."


def _facts(result: Result) -> tuple[tuple[str, str], ...]:
    return (
        (str(len(result["seeds"])), "seeds"),
        (str(result.get("chosen", "")), "best on validation"),
        (str(result.get("scale", "")), "scale"),
    )
