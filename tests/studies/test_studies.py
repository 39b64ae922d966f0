"""Every study: it says what it asks, and its smoke scale runs from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from latens import catalog
from latens.app import study as app
from latens.studies import listed
from latens.studies._study import SCALES, best, by_scale

NAMES = catalog.names("studies")


@pytest.mark.parametrize("name", NAMES)
def test_says_its_question_its_cost_and_its_command(name: str) -> None:
    study = app.load(name)
    about = catalog.load("studies", name).__doc__ or ""
    assert f"latens study run {name} --scale quick" in about
    assert "Expected:" in about and "Quick: about" in about
    assert study.question.endswith("?")
    assert set(study.seeds) == set(SCALES)


@pytest.mark.parametrize("name", NAMES)
def test_quick_is_ten_to_twenty_minutes(name: str) -> None:
    assert 10 <= app.load(name).minutes <= 20


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", SCALES)
def test_first_round_names_arms_once_and_contrasts_arms_that_there_are(
    name: str, scale: app.Scale
) -> None:
    plan = app.load(name).plan(scale, {})
    names = [arm.name for arm in plan.arms]
    assert len(set(names)) == len(names)
    for contrast in plan.contrasts:
        assert {contrast.arm, contrast.control} <= set(names)
    for position, arm in enumerate(plan.arms):
        assert {arm.encoder, arm.through} - {None} <= set(names[:position])


@pytest.mark.parametrize("name", NAMES)
def test_smoke_runs_and_resumes(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    options = {"threads": 1}
    first = app.run(name, scale="smoke", out=out, options=options)
    made = sorted(path.name for path in (out / "runs").iterdir())
    assert Path(first.page).exists()
    assert {arm["name"] for arm in first.arms} >= {first.chosen}
    again = app.run(name, scale="smoke", out=out, options=options)
    assert sorted(path.name for path in (out / "runs").iterdir()) == made
    assert again.arms == first.arms
    page = app.export(again, tmp_path / "results")
    assert first.question in page.read_text()
    assert (tmp_path / "results" / f"{name}.json").exists()


def test_list_gives_every_study() -> None:
    assert [study["name"] for study in listed()] == NAMES


def test_best_waits_until_all_are_done() -> None:
    assert best(["a", "b"], {"a": 0.5}) is None
    assert best(["a", "b"], {"a": 0.5, "b": 0.7}) == "b"
    assert by_scale("quick", 1, 2, 3) == 2
