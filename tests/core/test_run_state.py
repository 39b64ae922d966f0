"""How a run stands: its state, how far it came, its best and its last weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from core_tiny import (
    KillAt,
    Killed,
    new_run,
    phase,
    same,
    training,
    two_phases,
    weights,
    whole_model,
)

from latens.errors import RunError, TrainingError
from latens.runs import atomic
from latens.runs.folder import RunFolder
from latens.spec import ConvSpec
from latens.train import checkpoint, finite, loop
from latens.train.loop import fit

BOTH = ("encoder", "decoder")
PLAIN = ConvSpec(encoder_filters=(8, 8), decoder_filters=(8, 8), batch_norm=False, activation="elu")
WILD = phase(BOTH, name="wild", optimizer="sgd", learning_rate=1e30, schedule="constant")


@pytest.fixture
def save_and_show_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SHOW_SECONDS", -1.0)
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)


def failed(path: Path) -> RunFolder:
    run = new_run(path)
    with pytest.raises(TrainingError):
        fit(training("reconstruct", (WILD,), run, model=whole_model(network=PLAIN)))
    return RunFolder.open(path)


def test_a_run_whose_numbers_stop_being_finite_is_marked(tmp_path: Path) -> None:
    run = failed(tmp_path / "run")
    assert run.state == "failed"
    failure = run.failure()
    assert failure is not None and failure.keys() == {"reason", "hint"}
    assert failure["reason"].startswith("Expected ") and "'wild'" in failure["reason"]
    assert failure["hint"] == "Lower --learning-rate (it is 1e+30)."


def test_a_resume_that_goes_well_clears_the_mark(tmp_path: Path) -> None:
    run = failed(tmp_path / "run")
    seen: list[Any] = []
    t = training("reconstruct", (phase(BOTH),), run, observers=(lambda _: seen.append(run.state),))
    assert run.state == "failed"
    fit(t)
    assert set(seen) == {"unfinished"}
    assert (run.state, run.failure()) == ("unfinished", None)
    run.write_result("training", {}, {})
    assert run.state == "finished"


def test_a_resume_that_fails_again_stays_marked(tmp_path: Path) -> None:
    run = failed(tmp_path / "run")
    with pytest.raises(TrainingError):
        fit(training("reconstruct", (WILD,), run, model=whole_model(network=PLAIN)))
    assert run.state == "failed"


def test_no_other_end_is_a_failure(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(Killed):
        fit(training("reconstruct", (phase(BOTH),), run, observers=(KillAt(0),)))
    full = TrainingError("Expected room on the disk.", code="disk-full")
    with pytest.raises(TrainingError), finite.failure_noted(run):
        raise full
    assert (run.state, run.failure()) == ("unfinished", None)


def test_a_mark_that_cannot_be_written_hides_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise TrainingError("Expected room on the disk.", code="disk-full")

    run = new_run(tmp_path / "run")
    monkeypatch.setattr(atomic, "write_json", full)
    with pytest.raises(TrainingError) as caught:
        fit(training("reconstruct", (WILD,), run, model=whole_model(network=PLAIN)))
    assert caught.value.code == "not-finite"


@pytest.mark.parametrize("result, state", [("comparison", "finished"), ("findings", "unfinished")])
def test_a_comparison_is_finished_when_it_has_concluded(
    result: str, state: str, tmp_path: Path
) -> None:
    run = new_run(tmp_path / "run")
    run.write_result(result, {}, {})
    assert run.state == state


def run_of(path: Path, phases: Any) -> RunFolder:
    described = [each.model_dump(mode="json") for each in phases]
    return RunFolder.create(path, {"version": 1, "phases": described}, {}, {})


@pytest.mark.parametrize(
    "place, phase_name, epoch, step", [(1, "head", 0, 1), (5, "head", 1, 4), (13, "all", 1, 10)]
)
def test_progress_tells_where_a_stopped_training_stands(
    place: int, phase_name: str, epoch: int, step: int, tmp_path: Path,
    save_and_show_each_step: None,
) -> None:  # fmt: skip
    """A record comes before the save of its step, and each epoch has three steps and its end."""
    run = run_of(tmp_path / "run", two_phases("reconstruct"))
    assert run.progress() is None
    with pytest.raises(Killed):
        fit(training("reconstruct", two_phases("reconstruct"), run, observers=(KillAt(place),)))
    progress = run.progress()
    assert progress is not None and progress.pop("seconds") > 0
    assert progress == {
        "phase": phase_name, "epoch": epoch, "epochs": 2, "step": step, "over": False
    }  # fmt: skip


def test_progress_of_a_training_that_is_over(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", two_phases("reconstruct"))
    fit(training("reconstruct", two_phases("reconstruct"), run))
    progress = run.progress()
    assert progress is not None
    assert (progress["phase"], progress["epoch"], progress["over"]) == ("all", 2, True)


def test_damaged_progress_is_told(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", (phase(BOTH),))
    fit(training("reconstruct", (phase(BOTH),), run))
    file = run.newest_weights()
    assert file is not None
    for content in (b"", b"\x00" * 7, file.read_bytes()[:50]):
        file.write_bytes(content)
        with pytest.raises(RunError, match="damaged") as caught:
            run.progress()
        assert caught.value.code == "damaged-run"


def test_looking_at_a_run_needs_no_torch(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", (phase(BOTH),))
    fit(training("reconstruct", (phase(BOTH),), run))
    look = (
        "import sys; from latens.runs.folder import RunFolder; run = RunFolder.open(sys.argv[1]);"
        "print(run.state, run.failure(), run.progress()['over'], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", look, str(run.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["unfinished", "None", "True", "False"]


class Scripted:
    """An objective whose scores are given beforehand; it remembers what it validated."""

    metric = "mse"

    def __init__(self, objective: Any, *scores: float) -> None:
        self.objective, self.scores = objective, iter(scores)
        self.validated: list[Any] = []

    def step(self, model: Any, batch: Any) -> Any:
        if not model.training:
            self.validated.append(weights(model))
        return self.objective.step(model, batch)

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        return (next(self.scores),)


def opened(run: RunFolder, which: Any) -> Any:
    model = whole_model(seed=9)
    checkpoint.load_model(run, model, which=which)
    return weights(model)


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("scores", [(1, 2, 3), (1, 3, 2), (3, 1, 2)])
def test_a_finished_run_has_its_best_and_its_last_weights(
    scores: Any, keep: str, average: float, tmp_path: Path
) -> None:
    run = new_run(tmp_path / "run")
    t = training("reconstruct", (phase(BOTH, epochs=3),), run, keep=keep, average=average)
    scripted = Scripted(t.objective, *scores)
    t.objective = scripted
    fit(t)
    best, last = scripted.validated[scores.index(3)], scripted.validated[-1]
    kept = best if keep == "best" else last
    assert same(opened(run, "best"), best)
    assert same(opened(run, "last"), last)
    assert same(opened(run, None), kept) and same(weights(t.model), kept)
    encoder = whole_model(seed=9).encoder
    checkpoint.load_encoder(run, encoder)
    assert all(value.equal(kept[f"encoder.{name}"]) for name, value in weights(encoder).items())
    models = {name.split("/")[0] for name in checkpoint._read(run)[0]} - {"sums"}
    other = {"best": "last", "last": "best"}[keep]
    assert models == ({"model"} if scores.index(3) == 2 else {"model", other})


def test_phases_that_follow_begin_without_the_weights_that_were_not_kept(
    tmp_path: Path, save_and_show_each_step: None
) -> None:
    run, first = new_run(tmp_path / "run"), phase(BOTH, name="first", epochs=3)
    t = training("reconstruct", (first,), run, keep="last")
    t.objective = Scripted(t.objective, 3, 2, 1)
    fit(t)
    more = (first, phase(BOTH, name="more", epochs=1))
    with pytest.raises(Killed):
        fit(training("reconstruct", more, run, keep="last", observers=(KillAt(2),)))
    assert {name.split("/")[0] for name in checkpoint._read(run)[0]} == {
        "model", "optimizer", "sums"
    }  # fmt: skip


@pytest.mark.parametrize("keep", ["best", "last"])
def test_weights_of_an_earlier_phase_are_not_taken_for_those_of_this_one(
    keep: str, tmp_path: Path, save_and_show_each_step: None
) -> None:
    run, phases = new_run(tmp_path / "run"), two_phases("reconstruct")
    t = training("reconstruct", phases, run, keep=keep, observers=(KillAt(9),))
    t.objective = Scripted(t.objective, 2, 1)
    with pytest.raises(Killed):
        fit(t)
    newest = weights(t.model)
    assert not any(n.startswith(("best/", "last/")) for n in checkpoint._read(run)[0])
    assert same(opened(run, "last"), opened(run, "best"))
    assert opened(run, "last").keys() == newest.keys()


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_weights_of_an_unfinished_run_are_the_best_so_far_and_the_newest(
    keep: str, tmp_path: Path, save_and_show_each_step: None
) -> None:
    run = new_run(tmp_path / "run")
    t = training("reconstruct", (phase(BOTH, epochs=3),), run, keep=keep, observers=(KillAt(9),))
    scripted = Scripted(t.objective, 2, 1, 1)
    t.objective = scripted
    with pytest.raises(Killed):
        fit(t)
    best, last = opened(run, "best"), opened(run, "last")
    assert same(best, scripted.validated[0])
    assert not same(best, last)
    assert same(opened(run, None), best if keep == "best" else last)
