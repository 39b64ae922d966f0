"""The interactive page in a real browser: what a hand does there, and what then shows.

Every test ends by asking that nothing went wrong in the console and that no request left (`show`).
"""

from __future__ import annotations

import itertools
import re

import pytest
from browser import Open, Opened
from table_examples import usual

from latens.report.table import Goal, Table

# ---- brushes ------------------------------------------------------------------------------------


def test_a_brush_chooses_rows_and_everything_follows(show: Open) -> None:
    page, table = show(usual()), usual()
    assert page.chosen() == 40 and page.text("#count") == "40 of 40 rows chosen"
    lines = page.painted("#front")
    page.brush("seconds", 0, 0.5)
    found = page.chosen()
    middle = (min(table.numbers("seconds")) + max(table.numbers("seconds"))) / 2
    assert found == sum(value > middle for value in table.numbers("seconds"))
    assert "seconds: " in page.text("#brushes") and 0 < page.painted("#front") < lines
    assert len(page.cells("seconds")) == found
    assert all(float(cell) > middle for cell in page.cells("seconds"))


def test_brushes_on_two_axes_must_both_hold_and_two_on_one_may_either(show: Open) -> None:
    page = show(usual())
    page.brush("optimizer", 0, 0.34)
    assert set(page.cells("optimizer")) == {"adam"}
    alone = page.chosen()
    page.brush("optimizer", 0.7, 1, shift=True)
    assert set(page.cells("optimizer")) == {"adam", "sgd"} and page.chosen() > alone
    both = page.chosen()
    page.brush("filters", 0.9, 1)
    assert set(page.cells("filters")) == {"8"} and 0 < page.chosen() < both
    page.press_axis("optimizer", 0.17)
    assert set(page.cells("optimizer")) == {"sgd"}
    page.page.click("#clear")
    assert page.chosen() == 40


def test_a_brush_can_be_moved_and_resized(show: Open) -> None:
    page = show(usual())
    page.brush("filters", 0.9, 1)
    page.brush("filters", 0.95, 0.66)  # taken in its middle
    assert set(page.cells("filters")) == {"16"}
    page.brush("optimizer", 0.02, 0.3)
    page.press_axis("filters", 0.1)  # beside it: a click takes it away
    assert set(page.cells("filters")) == {"8", "16", "32"} and set(page.cells("optimizer")) == {
        "adam"
    }
    page.brush("optimizer", 0.336, 0.6)  # its lower end
    assert set(page.cells("optimizer")) == {"adam", "muon"}


def test_missing_values_have_a_place_that_can_be_brushed(show: Open) -> None:
    page = show(usual())
    page.brush("val_mse", 0.94, 1)
    assert set(page.cells("val_mse")) == {"–"} and set(page.cells("state")) == {"failed"}


def test_the_best_share_of_complete_trials(show: Open) -> None:
    page, table = show(usual()), usual()
    page.page.fill("#share", "25")
    page.settle()
    assert page.chosen() == 8 and set(page.cells("state")) == {"complete"}  # of 32 complete
    done = [
        v for v, s in zip(table.numbers("val_mse"), table.states(), strict=True) if s == "complete"
    ]
    assert [float(cell) for cell in page.cells("val_mse")] == pytest.approx(
        sorted(done)[:8], rel=1e-3
    )
    page.page.select_option("#score", label="seconds")
    page.page.select_option("#goal", "maximize")
    page.settle()
    assert max(map(float, page.cells("seconds"))) == pytest.approx(
        max(
            v
            for v, s in zip(table.numbers("seconds"), table.states(), strict=True)
            if s == "complete"
        ),
        rel=1e-3,
    )


# ---- axes, colours, table -----------------------------------------------------------------------


def test_an_axis_can_be_dragged_to_another_place(show: Open) -> None:
    page = show(usual())
    before = page.axes()
    start, end = (page.page.locator(".head .name").nth(place).bounding_box() for place in (0, 2))
    page.drag((start["x"] + 20, start["y"] + 8), (end["x"] + 30, end["y"] + 8))
    assert page.axes() == [before[1], before[2], before[0], *before[3:]]
    assert not page.page.locator("#settings").is_visible()
    page.brush("learning_rate", 0, 0.3)  # the axis itself has moved with its name
    assert 0 < page.chosen() < 40


def test_a_log_axis_places_values_by_their_logarithm(show: Open) -> None:
    page = show(usual())
    switch = page.page.get_by_label("Log axis for learning_rate")
    assert switch.get_attribute("aria-pressed") == "true"
    page.brush("learning_rate", 0, 0.5)
    rates = usual().numbers("learning_rate")
    middle = (min(rates) * max(rates)) ** 0.5
    assert page.chosen() == sum(rate > middle for rate in rates)
    page.page.click("#clear")
    switch.click()
    page.brush("learning_rate", 0, 0.5)
    assert page.chosen() == sum(rate > (min(rates) + max(rates)) / 2 for rate in rates)


def test_any_column_can_colour(show: Open) -> None:
    page = show(usual())
    patch = "#table tbody tr:first-child .patch"
    before = page.page.locator(patch).evaluate("patch => patch.style.background")
    page.page.select_option("#colour", label="optimizer")
    page.settle()
    assert page.page.locator(patch).evaluate("patch => patch.style.background") != before
    assert re.match(r"adam\s*muon\s*sgd\s*complete\s*pruned\s*failed", page.text("#legend"))


def test_the_table_sorts_and_turns_its_pages(show: Open) -> None:
    page = show(usual())
    page.page.get_by_role("button", name="filters", exact=True).click()
    assert page.cells("filters") == sorted(page.cells("filters"), key=int)
    page.page.get_by_role("button", name="filters", exact=True).click()
    assert page.cells("filters")[0] == "32" and "descending" in str(
        page.page.get_by_role("columnheader", name="filters").get_attribute("aria-sort")
    )
    page.page.get_by_role("button", name="val_accuracy", exact=True).click()  # the best first
    first = page.cells("val_accuracy")
    assert first == sorted(first, reverse=True)
    page.page.click("#after")
    assert (
        page.text("#pager-words") == "Rows 26 to 40 of 40" and page.cells("val_accuracy")[-1] == "–"
    )


def test_rows_can_be_kept_left_out_and_taken_back(show: Open) -> None:
    page = show(usual())
    page.brush("optimizer", 0, 0.34)
    found = page.chosen()
    page.page.click("#exclude")
    assert page.text("#count").startswith(
        f"{40 - found} of {40 - found} rows chosen, {found} left out"
    )
    assert "adam" not in page.cells("optimizer")
    page.page.click("#restore")
    assert page.chosen() == 40


def test_pruned_and_failed_trials_are_told_apart(show: Open) -> None:
    page = show(usual())
    assert "36 " not in page.text(".facts") and "4 pruned, 4 failed" in page.text(".facts")
    assert page.page.locator("#table .patch.pruned").count() > 0
    assert "batch_size 128" in page.text(".facts") and "batch_size" not in page.axes()


def test_pointing_at_a_row_shows_it_everywhere(show: Open) -> None:
    page = show(usual())
    page.page.locator("#table tbody tr").first.hover()
    assert page.page.locator("#hot").get_attribute("d").startswith("M")
    box = page._axis("filters")
    page.page.mouse.move(box["x"] + 40, box["y"] + 12)
    assert page.text("#tip").startswith("Trial ") and "learning_rate" in page.text("#tip")


# ---- pictures below ------------------------------------------------------------------------------


def test_a_rectangle_in_the_scatter_matrix_brushes_both_columns(show: Open) -> None:
    page = show(usual())
    area = page.page.locator("#matrix .over")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    side = (box["width"] - 74) / 4
    x, y = box["x"] + 74 + 3.3 * side, box["y"] + 4 + 0.1 * side
    page.drag((x, y), (x + 0.5 * side, y + 0.5 * side))  # learning_rate above val_mse
    assert 0 < page.chosen() < 40
    assert "learning_rate: " in page.text("#brushes") and "val_mse: " in page.text("#brushes")
    page.page.locator("#matrix-columns label").get_by_text("seconds").click()
    page.settle()
    assert area.bounding_box()["height"] != box["height"] or page.painted("#matrix .over") >= 0


# What a canvas is told to write, with the box of each word (horizontal words only).
HEAR = """() => {
  window.written = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const {width} = this.measureText(text);
    const left = {center: x - width / 2, right: x - width}[this.textAlign] ?? x;
    const turned = this.getTransform().b !== 0;
    if (!turned) window.written.push([this.canvas.parentNode.parentNode.id, text, left, width, y]);
    return write.call(this, text, x, y);
  };
}"""


def written(page: Opened, where: str) -> list[tuple[str, float, float, float]]:
    """Word, left end, width and height of what a section's charts write when drawn again."""
    page.page.evaluate(HEAR)
    page.page.set_viewport_size({"width": 1200, "height": 900})
    page.page.wait_for_function("where => window.written.some(([id]) => id === where)", arg=where)
    page.settle()
    return [tuple(told) for id_, *told in page.page.evaluate("window.written") if id_ == where]


def test_words_beside_charts_do_not_lie_on_each_other(show: Open) -> None:
    scores = [0.0759, 0.09607, 0.1114, 0.09833, 0.03732, 0.03807]
    rows = [{"latent": 4 + i % 2 * 4, "val_mse": score} for i, score in enumerate(scores)]
    metrics: dict[str, Goal] = {"val_mse": "minimize"}
    page = show(Table.of(rows, parameters=["latent"], metrics=metrics))
    words = set(written(page, "history"))
    assert {"0.04", "0.1"} <= {text for text, *_ in words} and len(words) > 8
    for (_, x, wide, y), (_, other, broad, below) in itertools.combinations(words, 2):
        assert abs(y - below) >= 12 or x + wide <= other or other + broad <= x


def test_the_scatter_matrix_names_the_place_of_missing_values(show: Open) -> None:
    words = set(written(show(usual()), "matrix"))
    assert [text for text, *_ in words].count("missing") == 2  # left of it and below


def test_importance_history_and_front_are_drawn(show: Open) -> None:
    shares = {"learning_rate": 0.75, "filters": 0.25}
    page = show(usual(), importance=shares, front=[("seconds", "val_mse")])
    assert page.page.locator("#importance .bar").all_text_contents() == [
        "learning_rate75%", "filters25%",
    ]  # fmt: skip
    for chart in ("#history canvas", "#fronts canvas", "#matrix canvas"):
        assert page.painted(chart) > 500
    assert "val_mse against seconds" in page.text("#fronts")
