"""How values are proposed, and when a trial is given up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from latens.errors import UsageError
from latens.runs.folder import RunFolder
from latens.search import judging
from latens.search.judging import MARKS, Judge, Search
from latens.train.records import STOP, EpochRecord, StepRecord

SPLIT = {"train": np.arange(2)}


def run(path: Path, *phases: tuple[str, int]) -> RunFolder:
    asked = [{"name": name, "epochs": epochs} for name, epochs in phases]
    return RunFolder.create(path, {"version": 1, "phases": asked}, {}, SPLIT)


def epoch(phase: str, number: int, epochs: int, mse: float) -> EpochRecord:
    return EpochRecord(phase, number, epochs, number, 1.0, 1.0, 1e-3, {}, {"mse": mse})


def judged(path: Path, values: list[float], study: optuna.Study) -> tuple[Judge, list[Any]]:
    """A judge of a training of one phase, and what it answered until it stopped it."""
    folder = run(path, ("only", len(values)))
    judge, answers = Judge(study.ask(), "mse", path), []
    for number, value in enumerate(values, 1):
        record = epoch("only", number, len(values), value)
        folder.append_metrics(record.to_dict())
        answers.append(judge(record))
        if answers[-1]:
            break
    return judge, answers


def study(prune: judging.Prune = "none") -> optuna.Study:
    return optuna.create_study(pruner=judging.pruner(prune))


@pytest.mark.parametrize("epochs", [3, 5, 7, 20])
def test_trainings_of_any_length_are_compared_at_the_same_points(
    tmp_path: Path, epochs: int
) -> None:
    judge, _ = judged(tmp_path / "run", [1.0 / n for n in range(1, epochs + 1)], study())
    found = judge.trial.study.trials[0].intermediate_values
    assert list(found) == list(MARKS)
    for mark, value in found.items():
        assert value == 1.0 / np.ceil(mark * epochs / 100 - 1e-9)


def test_phases_count_by_their_epochs(tmp_path: Path) -> None:
    run(tmp_path / "run", ("head", 2), ("all", 8))
    judge = Judge(study().ask(), "mse", tmp_path / "run")
    judge(epoch("head", 2, 2, 5.0))
    assert list(judge.trial.study.trials[0].intermediate_values) == [10, 20]
    judge(epoch("all", 2, 8, 4.0))
    assert list(judge.trial.study.trials[0].intermediate_values) == [10, 20, 30, 40]


def test_a_resumed_training_reports_what_it_did_before(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", ("only", 4))
    for number in (1, 2):
        folder.append_metrics(epoch("only", number, 4, 1.0 / number).to_dict())
    judge = Judge(study().ask(), "mse", folder.path)
    judge(epoch("only", 3, 4, 1 / 3))
    found = judge.trial.study.trials[0].intermediate_values
    assert found == {10: 1.0, 20: 1.0, 30: 0.5, 40: 0.5, 50: 0.5, 60: 1 / 3, 70: 1 / 3}


def test_steps_are_not_judged(tmp_path: Path) -> None:
    judge = Judge(study().ask(), "mse", tmp_path)
    assert judge(StepRecord("only", 1, 1, 4, 1, 9, 1.0, {})) is None


@pytest.mark.parametrize("prune", ["median", "hyperband"])
def test_the_worst_are_stopped_and_the_best_are_not(tmp_path: Path, prune: judging.Prune) -> None:
    found = study(prune)
    for number in range(8):
        judge, _ = judged(tmp_path / f"good{number}", [0.1] * 20, found)
        found.tell(judge.trial, 0.1)
    pruned = 0
    for number in range(4):  # hyperband puts trials in brackets, one of which stops none
        judge, answers = judged(tmp_path / f"bad{number}", [9.0] * 20, found)
        pruned += judge.pruned
        assert (answers[-1] is STOP) == judge.pruned
        found.tell(judge.trial, state=optuna.trial.TrialState.PRUNED)
    assert pruned > 0
    judge, _ = judged(tmp_path / "best", [0.01] * 20, found)
    assert not judge.pruned


def test_none_is_stopped_where_nobody_asked_for_it(tmp_path: Path) -> None:
    found = study("none")
    for number in range(8):
        judge, answers = judged(tmp_path / str(number), [float(number)] * 10, found)
        assert not judge.pruned and not any(answers)
        found.tell(judge.trial, float(number))


def test_a_metric_that_is_not_measured_is_refused_with_those_that_are(tmp_path: Path) -> None:
    run(tmp_path / "run", ("only", 2))
    judge = Judge(study().ask(), "accuracy", tmp_path / "run")
    with pytest.raises(UsageError, match=r"judge trials by \(mse\); got accuracy") as caught:
        judge(epoch("only", 1, 2, 1.0))
    assert caught.value.code == "unknown-score"


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_what_is_drawn_follows_from_seed_and_slot(search: Search) -> None:
    def drawn(seed: int, slot: str) -> float:
        found = optuna.create_study(sampler=judging.sampler(search, seed, slot))
        return found.ask().suggest_float("x", 0, 1)

    assert drawn(0, "3") == drawn(0, "3")
    assert len({drawn(0, "3"), drawn(0, "4"), drawn(1, "3")}) == 3


def test_tpe_learns(tmp_path: Path) -> None:
    """Later proposals are nearer to the best than draws, which are 0.29 away on average."""
    found = optuna.create_study()
    for slot in range(40):
        found.sampler = judging.sampler("tpe", 0, str(slot))
        trial = found.ask()
        found.tell(trial, (trial.suggest_float("x", 0, 1) - 0.3) ** 2)
    away = [abs(trial.params["x"] - 0.3) for trial in found.trials]
    assert np.mean(away[-20:]) < 0.2
