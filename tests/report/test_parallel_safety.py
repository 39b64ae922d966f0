"""The interactive page with hostile and odd tables, with many rows, by keyboard, and its CSV files.

Every test in the browser ends by asking that nothing went wrong and that no request left (`show`).
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from browser import Open
from table_examples import HOSTILE, odd, usual

from latens.errors import DataError, UsageError
from latens.report.parallel import page as write
from latens.report.table import Table
from latens.report.table_csv import read_csv

# ---- the file, without a browser --------------------------------------------------------------


def test_nothing_in_a_table_can_end_its_element(tmp_path: Path) -> None:
    html = write(odd()["hostile"], tmp_path / "p.html", title=HOSTILE).read_text()
    assert html.count("<script") == 2 and html.count("</script>") == 2 and "<img" not in html
    (held,) = re.findall(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(held)["values"][0] == [HOSTILE, "'\"&\u2028\\"]


def test_only_its_own_script_may_run_and_nothing_may_be_asked_for(tmp_path: Path) -> None:
    html = write(usual(), tmp_path / "p.html", title="x").read_text()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["script-src"].startswith("'sha256-")
    assert "unsafe" not in policy and "http" not in policy


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    file = tmp_path / "p.html"
    with pytest.raises(DataError, match="at least one row"):
        write(Table((), []), file, title="x")
    with pytest.raises(UsageError, match="name of a column"):
        write(usual(), file, title="x", front=[("minutes", "val_mse")])
    with pytest.raises(UsageError, match="name of a column"):
        write(usual(), file, title="x", importance={"momentum": 1.0})
    assert not file.exists()


# ---- the keyboard --------------------------------------------------------------------------------


def test_the_keyboard_moves_axes_and_sets_exact_ranges(show: Open) -> None:
    page = show(usual())
    before = page.axes()
    keyboard = page.page.keyboard
    page.page.locator(".head .name").first.focus()
    keyboard.press("ArrowRight")
    assert page.axes()[:2] == [before[1], before[0]]
    page.page.get_by_label("Axis filters.").focus()
    keyboard.press("Enter")
    page.page.locator("#settings").get_by_label("from").first.fill("10")
    page.page.locator("#settings").get_by_label("to", exact=True).first.fill("20")
    keyboard.press("Tab")
    keyboard.press("Escape")
    page.settle()
    assert not page.page.locator("#settings").is_visible()
    assert set(page.cells("filters")) == {"16"}
    page.page.get_by_label("Axis optimizer.").focus()
    keyboard.press("Enter")
    page.page.locator("#settings").get_by_label("muon").uncheck()
    keyboard.press("Escape")
    page.settle()
    assert set(page.cells("optimizer")) <= {"adam", "sgd"}


def test_axes_can_be_hidden_and_shown(show: Open) -> None:
    page = show(usual())
    page.page.get_by_text("Axes", exact=True).click()
    page.page.locator("#columns").get_by_label("filters").uncheck()
    page.page.locator("#columns").get_by_label("batch_size").check()
    assert "filters" not in page.axes() and page.axes()[-1] == "batch_size"


# ---- CSV ----------------------------------------------------------------------------------------


def test_the_files_are_the_selection_and_the_table(show: Open, tmp_path: Path) -> None:
    table = usual()
    page = show(table)
    again = read_csv(page.download("#csv-all", tmp_path / "all.csv"))
    assert again.rows == table.rows
    page.brush("filters", 0.9, 1)
    chosen = read_csv(page.download("#csv-chosen", tmp_path / "some.csv"))
    assert chosen.rows == [row for row in table.rows if row[2] == 8] and chosen.rows


@pytest.mark.parametrize("name", odd())
def test_odd_tables_are_shown_and_exported(show: Open, tmp_path: Path, name: str) -> None:
    table = odd()[name]
    page = show(table)
    assert page.chosen() == len(table.rows) and page.axes()
    for switch in page.page.locator(".head .log").all():
        switch.click()
    file = page.download("#csv-all", tmp_path / "all.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        assert len(list(csv.reader(lines))) == 1 + len(table.rows)
    for column in table.columns:
        assert repr(read_csv(file).values(column.name)) == repr(
            [int(v) if isinstance(v, float) and v.is_integer() and abs(v) < 1e21 else v
             for v in table.values(column.name)]
        )  # fmt: skip


def test_hostile_words_are_only_words(show: Open) -> None:
    page = show(odd()["hostile"], title=HOSTILE)
    page.page.get_by_text("Axes", exact=True).click()
    page.page.locator("h1").click()
    assert not page.page.locator("#columns").is_visible()
    page.page.locator(".head .name").first.click()
    assert page.page.title() == HOSTILE and page.page.locator("img").count() == 0
    assert page.text("#settings h3") == HOSTILE


# ---- many rows ----------------------------------------------------------------------------------


def test_ten_thousand_rows_of_twenty_columns_answer(show: Open) -> None:
    page = show(usual(10_000, 10))
    page.brush("seconds", 0, 0.5)
    assert 0 < page.chosen() < 10_000
    longest = page.page.evaluate(
        """async () => {
            document.querySelector('#clear').click();
            const end = performance.now() + 400;
            let longest = 0;
            for (let last = performance.now(); last < end; ) {
                await new Promise(requestAnimationFrame);
                longest = Math.max(longest, performance.now() - last);
                last = performance.now();
            }
            return longest;
        }"""
    )
    assert longest < 2000  # milliseconds without an answer: some 80 on two busy cores
    assert page.chosen() == 10_000
