"""A study as a page and as markdown, and explorations in words."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from evaluation_examples import EVALUATIONS
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from report_examples import EXAMPLES, study, study_arm

from latens.report import explored, figures, markdown
from latens.report.build import build
from latens.report.plots import study as plots
from latens.report.sections import section
from latens.runs.folder import RunFolder

SPEC = {
    "version": 1, "task": "study", "study": "mnist-example", "scale": "smoke",
    "data": {"source": "digits"},
}  # fmt: skip
GROUPED = EXAMPLES["study"]["accuracies in groups"]
ROWS = [
    {
        "level": 0.2,
        "arm": "a long name of an arm, behind a denoiser",
        "difference": 0.12345,
        "low": 0.1,
        "high": 0.2,
        "p_corrected": 1e-9,
        "verdict": "gain",
    }
]


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DPI", 40)


def folder(path: Path, **results: Any) -> RunFolder:
    run = RunFolder.create(path, SPEC, {}, {})
    for name, (values, arrays) in results.items():
        run.write_result(name.replace("_", "-"), values, arrays)
    return run


def test_a_page_calls_a_study_a_study_and_a_group_once(tmp_path: Path) -> None:
    html = build(folder(tmp_path / "s", study=GROUPED, a_list=({"rows": ROWS}, {}))).read_text()
    assert re.search(r'<p class="kicker"><b>s</b> · study · data digits</p>', html)
    headings = re.findall(r'<tr class="group"><th scope="colgroup" colspan="6">(.*?)</th>', html)
    assert headings == ["first", "second", "denoisers"]
    assert '<td class="words">a long name of an arm, behind a denoiser</td>' in html
    assert "0.1 to 0.2" in html and "&lt; 0.001" in html


def names_of(figure: Figure, axis: str) -> list[str]:
    figure.draw_without_rendering()
    ticks = getattr(figure.axes[0], f"get_{axis}ticklabels")()
    return [tick.get_text() for tick in ticks]


@pytest.mark.parametrize("middle", [29.0, 0.01, 0.001])
def test_ticks_differ_however_near_the_arms(middle: float) -> None:
    metric = "nats" if middle > 1 else "mse"
    arms = [
        {**study_arm(name, middle * factor), "unit": metric, "test": [middle * factor] * 2}
        | dict.fromkeys(("low", "high"))
        for name, factor in (("a", 1.0), ("b", 1.002))
    ]
    for figure in plots.draw(study(*arms, metric="mse")[0], {}).values():
        ticks = [name for name in names_of(figure, "x") if name]
        assert len(set(ticks)) == len(ticks) > 1


def test_long_names_of_arms_stay_apart() -> None:
    long = "a network with {} kernels a layer, and as many again in the next one"
    arms = [study_arm(long.format(number), 0.9) for number in (2, 3)]
    drawn = plots.draw(study(*arms)[0], {})
    for figure in drawn.values():
        names = names_of(figure, "y")
        assert len(set(names)) == len(names)
    assert "2 kernels" in names_of(drawn["accuracy"], "y")[0]


def test_what_a_groups_arms_have_in_common_is_said_once() -> None:
    arms = [{**study_arm(f"digits: {name}", 0.9), "group": "digits"} for name in ("big", "small")]
    result, arrays = study(*arms, {**study_arm("other", 0.8), "group": ""})
    result["contrasts"] = [
        {"arm": arm, "control": "digits: small", "difference": 0.1}
        for arm in ("digits: big", "other")
    ]
    drawn = plots.draw(result, arrays)
    assert names_of(drawn["accuracy"], "y") == ["other", "digits", "big", "small"]
    assert names_of(drawn["differences"], "y") == [
        "other − digits: small", "digits", "big − small",
    ]  # fmt: skip


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_names_beside_points_stand_apart(wanted: list[float]) -> None:
    gap = 1 / (len(wanted) + 1)
    places = plots.apart(sorted(wanted, reverse=True), gap)
    assert all(0 <= place <= 1 for place in places)
    assert all(a - b >= gap - 1e-9 for a, b in itertools.pairwise(places))


def test_an_unfinished_study_says_how_to_go_on(tmp_path: Path) -> None:
    html = build(folder(tmp_path / "s")).read_text()
    assert "latens study run mnist-example --scale smoke --out" in html


def test_markdown_has_the_question_once_and_blank_lines_around_lists(tmp_path: Path) -> None:
    run = folder(tmp_path / "s", study=GROUPED, noise=EVALUATIONS["noise"]["four ways"])
    build(run)
    text = markdown.export(run, "example", tmp_path / "to").read_text()
    assert text.count(GROUPED[0]["question"]) == 1
    for place in re.finditer(r"\n- ", text):
        before = text[: place.start()].rpartition("\n")[2]
        assert before == "" or before.startswith("- ")
    assert "| **first** |  |  |  |  |  |" in text
    assert "| --- | ---: | ---: | ---: | ---: | ---: |" in text
    shown = re.findall(r"^!\[.*\]\((.*)\)$", text, re.MULTILINE)
    assert shown[0] == "example-study-accuracy.png" and "example-noise-accuracy.png" in shown
    assert all((tmp_path / "to" / file).is_file() for file in shown)


def test_one_difference_is_not_counted() -> None:
    one, two = study_arm("one", 0.9), study_arm("two", 0.8)
    assert "The one difference that was asked about was not told apart." in markdown.text(
        study(one, two)[0]
    )
    assert "Of 2 differences: 1 shown better, 1 not told apart." in markdown.text(
        study(one, two, study_arm("three", 0.7), contrasts=2)[0]
    )


@pytest.mark.parametrize("kind", explored.TITLES)
def test_every_example_of_an_exploration_has_words(kind: str) -> None:
    for name, (result, _) in EVALUATIONS[kind].items():
        told = section(f"{kind}-test", {**result, "part": "test"})
        assert told.title == f"{explored.TITLES[kind]} (test images)", name
        for table in told.tables:
            assert all(len(row) == len(table.header) for row in table.rows)
        assert all(s[0].isupper() or s[0].isdigit() or s[0] == "–" for s in told.sentences)


def test_noise_is_told_at_one_level_and_listed_at_all() -> None:
    told = section("noise", EVALUATIONS["noise"]["four ways"][0])
    (sentence,) = told.sentences
    assert sentence.startswith("Accuracy under salt-pepper of strength 0.4: clean 85.2%")
    assert [row[0] for row in told.tables[0].rows] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_untouched_images_have_no_decibels() -> None:
    told = section("denoising", EVALUATIONS["denoising"]["grey"][0])
    assert told.tables[0].rows[0][-1] == "untouched"


def test_what_would_mislead_is_a_warning() -> None:
    seen = section("anomaly", {"seen": 7, "auroc": 0.9}).notes
    copies = section("samples", {"close": 0.05, "close_of_real": 0.01}).notes
    assert [note.code for note in (*seen, *copies)] == ["anomalies-seen", "near-copies"]
    assert not section("anomaly", {"seen": 0}).notes
    assert not section("samples", {"close": 0.02, "close_of_real": 0.01}).notes
