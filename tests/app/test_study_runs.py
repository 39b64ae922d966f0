"""Studies among the runs: how they are listed, shown and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

import latens
from latens.app.runs import list_runs, show_run
from latens.app.study_answer import less_precise
from latens.app.study_arms import Outcome
from latens.errors import RunError, UsageError
from latens.runs.folder import RunFolder
from latens.studies._study import Arm, Plan

SPEC = {
    "version": 1, "task": "study", "study": "mnist-cnn", "scale": "quick",
    "data": {"source": "mnist"},
}  # fmt: skip
RESULT = {
    "arms": [
        {"name": "small", "unit": "accuracy", "mean": 0.98},
        {"name": "an autoencoder", "unit": "mse", "mean": 0.0123},
    ],
    "chosen": "small", "date": "2026-11-21",
    "contrasts": [{"arm": "small", "control": "large", "sentence": "small against large: better."}],
}  # fmt: skip


def test_a_finished_study_shows_its_arms_and_differences(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "s", SPEC, {}, {})
    run.write_result("study", RESULT, {})
    (line,) = list_runs(tmp_path)
    assert (line.task, line.data, line.state) == ("study", "mnist", "finished")
    assert line.main_number == "test accuracy 98.00% (small)"
    shown = show_run(run.path)
    assert shown["facts"]["study"] == "mnist-cnn" and shown["facts"]["scale"] == "quick"
    assert shown["results"]["study"]["an autoencoder"] == "test squared error 0.01230"
    assert shown["verdicts"] == {"small against large": "better."}
    assert shown["resume"] == ""


def test_a_study_that_was_not_run_is_told_how_it_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="there is none at studies/mnist-cnn-quick") as caught:
        latens.report_study("mnist-cnn")
    assert caught.value.hint == "Run it with: latens study run mnist-cnn --scale quick"
    RunFolder.create(Path("studies/mnist-cnn-smoke"), SPEC, {}, {})
    with pytest.raises(RunError) as caught:
        latens.report_study("mnist-cnn")
    assert caught.value.hint == "There is one with --scale smoke."


def test_studies_from_python() -> None:
    assert "mnist-cnn" in [study["name"] for study in latens.list_studies()]
    with pytest.raises(UsageError, match="name of a study"):
        latens.run_study("mnist-cnm")


def test_an_unfinished_study_says_what_is_done_and_how_to_go_on(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a study", SPEC, {}, {})
    (run.path / "runs" / "one" / "results").mkdir(parents=True)
    (run.path / "runs" / "one" / "results" / "training.json").write_text("{}")
    assert list_runs(tmp_path)[0].state == "unfinished"
    shown = show_run(run.path)
    assert shown["facts"]["state"] == "unfinished, 1 training done"
    command = "latens study run mnist-cnn --scale quick --data mnist --out "
    assert shown["resume"] == f"{command}'{run.path}'"


def test_less_precise_arms_are_told() -> None:
    arms = [Arm(name, "classify", {}) for name in ("plain", "quick")]
    outcomes = {
        "plain": [Outcome(0.5, 0.5, 1.0, 1, 1, 1)],
        "quick": [Outcome(0.5, 0.5, 1.0, 1, 1, 1, precision="bfloat16")],
    }
    assert less_precise(Plan(arms, ()), outcomes) == ["Trained in bfloat16 (`--precision`): quick."]
    (said,) = less_precise(Plan(arms[1:], ()), outcomes)
    assert said == "Trained in bfloat16 (`--precision`): all arms."
    assert not less_precise(Plan(arms[:1], ()), outcomes)
