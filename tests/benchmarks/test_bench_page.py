"""Figures and the page of them, on made-up results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_examples import HARDWARE, SECONDS, block, epochs, results

import figures
import guard
import machine
import write_performance
from networks import CAE_10
from plan import BLOCKS, CONTESTANTS, MEMORY
from targets import TARGETS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "speed", results())
    return tmp_path


def write(folder: Path, name: str, found: dict[str, Any]) -> None:
    (folder / f"{name}.json").write_text(json.dumps(found))


def line(page: str, start: str) -> str:
    """The one line of a table that begins so."""
    (found,) = [each for each in page.splitlines() if each.startswith(f"| {start}")]
    return found


def test_ratios_are_those_within_a_round() -> None:
    found = figures.ratio(block(), "latens", "keras")
    assert found == figures.Spread(3.0, 3.0, 3.0)


def test_what_an_epoch_costs_once_is_not_counted_as_speed() -> None:
    dear = block()
    dear["rounds"] = [{"keras": epochs(3.0, single=9.0), "latens": epochs(1.0)}]
    found = figures.ratio(dear, "latens", "keras")
    assert found and found.median == 3.0


def test_the_engines_own_cost_is_that_of_whole_epochs() -> None:
    dear = block()
    dear["rounds"] = [{"latens": epochs(1.0, single=1.0), "bare": epochs(1.0, single=0.0)}]
    found = figures.cost(dear, "latens", "bare")
    assert found and found.median == 1.0


def test_the_share_of_the_peak_is_taken_from_the_products_around_a_round() -> None:
    slow = block()
    slow["peaks"] = [100.0, 100.0, 50.0, 50.0]
    found = figures.of_peak(slow, "latens", CAE_10.training_flops)
    at_100 = 1000 * CAE_10.training_flops / 1.0 / 100e9
    assert found
    assert found.high == pytest.approx(2 * at_100)
    assert found.low == pytest.approx(at_100 / 2 / 0.75)


def test_a_contestant_without_rounds_has_no_figure() -> None:
    assert figures.speed(block(), "nobody") is None
    assert figures.ratio(block(), "latens", "nobody") is None


def test_targets_read_contestants_that_run() -> None:
    ran = {(b.name, name) for b in BLOCKS for name in b.contestants}
    assert {name for _, name in ran} | set(MEMORY.contestants) == set(CONTESTANTS)
    made_up = results()
    for name, found in made_up["blocks"].items():
        found["rounds"] = [
            {n: s for n, s in round_.items() if (name, n) in ran} for round_ in found["rounds"]
        ]
    unread = [target.work for target in TARGETS if target.read(made_up) is None]
    assert not unread


def test_every_row_that_was_asked_for_says_whether_it_is_reached(folder: Path) -> None:
    page = write_performance.page(folder)
    for target in TARGETS:
        assert line(page, target.work + " |").rstrip(" |").endswith("reached**") != (
            target.reached(target.read(results()))  # type: ignore[arg-type]
        )
    assert "not reached" in line(page, "peak memory, training")
    assert "not reached" not in line(page, "CAE-10, best path, batch 128, against Keras")


def test_a_figure_that_changes_changes_its_verdict(folder: Path) -> None:
    slower = results()
    for round_ in slower["blocks"]["cae-10-128"]["rounds"]:
        round_["latens"] = epochs(2.0)
    write(folder, "speed", slower)
    assert "**not reached**" in line(
        write_performance.page(folder), "CAE-10, best path, batch 128, against Keras"
    )


def test_what_was_tried_is_told_of_rows_that_are_not_reached(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = [replace(target, tried="a trick") for target in TARGETS]
    monkeypatch.setattr(write_performance, "TARGETS", tried)
    (told,) = (x for x in write_performance.page(folder).splitlines() if "a trick" in x)
    for t in TARGETS:  # told once, with the names of all for which it was tried
        assert (t.work in told) is not t.reached(t.read(results()))  # type: ignore[arg-type]


def test_a_block_lists_everyone_who_ran(folder: Path) -> None:
    page = write_performance.page(folder)
    for name in SECONDS:
        assert page.count(f"| {CONTESTANTS[name].title} |") >= 4
    assert "1,000 |" in line(page.split("## CAE-10")[1], "latens, native kernels")
    assert "skorch spends 50% of its time and pythae spends 75%" in page


def test_who_was_left_out_is_told(folder: Path) -> None:
    failed = results()
    failed["blocks"]["dae-8-128"]["errors"]["keras"] = "ModuleNotFoundError: no tensorflow"
    write(folder, "speed", failed)
    assert "was left out: ModuleNotFoundError: no tensorflow" in write_performance.page(folder)


def test_blocks_that_were_not_run_leave_their_rows_open(folder: Path) -> None:
    write(folder, "speed", {**results(), "blocks": {"cae-10-256": block(batch=256)}})
    page = write_performance.page(folder)
    assert "not measured" in line(page, "DAE-8, against Keras")
    assert "not measured" not in line(page, "CAE-10, best path, batch 256, against Keras")


def test_a_machine_without_kernels_is_told(folder: Path) -> None:
    bare = results()
    for found in bare["blocks"].values():
        found["native"] = dict.fromkeys(SECONDS, False)
    write(folder, "speed", bare)
    assert "Native kernels were not at work" in write_performance.page(folder)


def test_rows_of_other_scripts_are_judged_in_their_direction(folder: Path) -> None:
    rows = [
        {"work": "fast", "asked": 15, "reached": 14.2, "unit": "s", "command": "latens classify"},
        {"work": "slow", "asked": 15, "reached": 15.5, "unit": "s", "note": "three seeds"},
        {"work": "good", "asked": 90, "reached": 91, "unit": "%", "better": "higher"},
        {"work": "bad", "asked": 90, "reached": 89, "unit": "%", "better": "higher"},
        {"work": "never", "asked": 1, "reached": None, "unit": "s", "note": "98% after 9 s"},
        {"work": "later", "asked": 1, "unit": "s"},
        {"work": "told", "asked": None, "reached": 0.5, "unit": "GB"},
    ]
    write(folder, "recipes", {"rows": [row | {"measured": "2026-01-02: 2 cores"} for row in rows]})
    page = write_performance.page(folder)
    assert line(page, "fast") == "| fast | ≤ 15 s | 14.2 s | reached | `latens classify` |  |"
    assert line(page, "slow") == "| slow | ≤ 15 s | 15.5 s | **not reached** |  | three seeds |"
    assert line(page, "good") == "| good | ≥ 90 % | 91 % | reached |  |  |"
    assert line(page, "bad") == "| bad | ≥ 90 % | 89 % | **not reached** |  |  |"
    assert line(page, "never") == "| never | ≤ 1 s |  | **not reached** |  | 98% after 9 s |"
    assert line(page, "later") == "| later | ≤ 1 s |  | not measured |  |  |"
    assert line(page, "told") == "| told |  | 0.5 GB |  |  |  |"
    assert "Measured 2026-01-02: 2 cores." in page


def test_rows_that_were_measured_apart_say_when(folder: Path) -> None:
    row = {"work": "old", "asked": 1, "reached": 2, "unit": "s", "note": "slow"}
    later = {"work": "new", "asked": None, "unit": "s", "measured": "2026-02-03: 4 cores"}
    once = row | {"measured": "2026-01-02: 2 cores", "earlier": True}
    write(folder, "recipes", {"rows": [once, later]})
    page = write_performance.page(folder)
    assert "Measured 2026-01-02: 2 cores.\n\nMeasured 2026-02-03: 4 cores." in page
    assert line(page, "old").endswith("| slow (2026-01-02, 2 cores) |")
    assert line(page, "new") == "| new |  |  | not measured |  | (2026-02-03, 4 cores) |"
    replaced = page.index("Earlier, with other recipes:")
    assert page.index("| new |") < replaced < page.index("| old |")


def test_other_machines_have_the_first_table_and_what_was_different(folder: Path) -> None:
    assert "another machine" not in write_performance.page(folder)
    write(folder, "speed-old", results() | {"note": "Eight rounds."})
    page = write_performance.page(folder)
    there = page[page.index("## The same on another machine") :]
    assert "Eight rounds." in there
    assert all(line(there, target.work + " |") for target in TARGETS)


def test_a_page_without_any_figures_still_says_how_they_are_made(tmp_path: Path) -> None:
    page = write_performance.page(tmp_path)
    assert "make bench" in page
    assert "How it is measured" in page


def test_the_page_is_what_its_figures_make() -> None:
    assert write_performance.PAGE.read_text("utf-8") == write_performance.page(), (
        "run: python benchmarks/write_performance.py"
    )


def test_the_machine_is_described_without_its_name() -> None:
    told = machine.sentence(HARDWARE)
    assert told == "Some CPU, 2 cores (avx2), 8 GB; Linux, Python 3.11.7; torch 2.13.0"
    found = machine.hardware()
    assert found["cores"] >= 1
    assert "torch" in found["versions"]
    assert machine.platform.node() not in machine.sentence(found)


def test_the_guard_compares_with_the_faster_layout() -> None:
    lines = guard.verdicts(block(), {"latens": 1.9, "latens-pure": 1.5})
    assert [holds for _, holds in lines] == [True, False]
    assert "latens / torch-channels-last: 2.00" in lines[0][0]
    assert "BELOW 1.5" in lines[1][0]


def test_the_guard_does_not_pass_what_could_not_run() -> None:
    crashed = block()
    for round_ in crashed["rounds"]:
        del round_["latens"]
    crashed["errors"]["latens"] = "RuntimeError: no"
    ((told, holds),) = guard.verdicts(crashed, {"latens": 1.0})
    assert not holds
    assert "RuntimeError: no" in told
