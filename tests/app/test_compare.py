"""A comparison is matched: the arms differ in where the encoder came from and in nothing else."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from app_tiny import CLASSIFY, PRETRAIN, digits, files, same, weights

import latens
from latens.app import compare as app
from latens.app import demo
from latens.app.warm_up import warm_up
from latens.errors import Interrupted, LatensError, RunError, UsageError
from latens.runs.folder import RunFolder
from latens.train import loop

MODES = ("frozen", "two-phase", "scratch")
ASKED: dict[str, Any] = {
    "labels": [20, 40], "modes": ["frozen", "two-phase"], "seeds": 2,
    "pretrain_options": PRETRAIN, "classify_options": CLASSIFY,
}  # fmt: skip


def arm(compared: latens.Comparison, mode: str, labels: int, seed: int) -> RunFolder:
    return RunFolder.open(Path(compared.run) / "runs" / f"{mode}-{labels}-seed{seed}")


@pytest.fixture
def copy(compared: latens.Comparison, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compared.run, tmp_path / "copy"))


def test_scratch_is_always_there(compared: latens.Comparison) -> None:
    asked = [(arm["mode"], arm["labels"]) for arm in compared.arms]
    assert asked == [(mode, labels) for labels in (20, 40) for mode in MODES]
    assert {a["mode"]: a["pretraining"] for a in compared.arms} == {
        "frozen": True, "two-phase": True, "scratch": False,
    }  # fmt: skip


@pytest.mark.parametrize("labels", [20, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_arms_are_matched(compared: latens.Comparison, labels: int, seed: int) -> None:
    runs = [arm(compared, mode, labels, seed) for mode in MODES]
    specs = [run.spec() for run in runs]
    for same_in_all in ("data", "encoder", "head", "objective", "train"):
        assert all(spec[same_in_all] == specs[0][same_in_all] for spec in specs), same_in_all
    assert len({sum(phase["epochs"] for phase in spec["phases"]) for spec in specs}) == 1
    assert len({updates(run) for run in runs}) == 1
    assert len({run.environment()["parameters"] for run in runs}) == 1
    for part in ("train", "val", "test", "labelled"):
        assert all(np.array_equal(run.split()[part], runs[0].split()[part]) for run in runs), part


def test_torchs_first_steps_are_charged_to_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(app, "warm_up", lambda options: done.append(f"warm {options['threads']}"))
    real = app.train

    def train(*args: Any) -> Any:
        done.append("train")
        return real(*args)

    monkeypatch.setattr(app, "train", train)
    few = {**ASKED, "labels": [20], "modes": ["frozen"]}
    latens.compare(digits(), out=tmp_path / "cmp", **few)
    assert done == ["warm 1", "train"]


@pytest.mark.parametrize("options", [{}, {"threads": 1, "device": "cpu", "precision": "float32"}])
def test_the_first_steps_leave_no_trace(options: dict[str, Any]) -> None:
    before = torch.random.get_rng_state()
    warm_up(options)
    assert torch.random.get_rng_state().equal(before)


def updates(run: RunFolder) -> int:
    return max(record["step"] for record in run.metrics())


@pytest.mark.parametrize("mode", MODES)
def test_budgets_are_nested(compared: latens.Comparison, mode: str) -> None:
    few, many = (arm(compared, mode, labels, 1).split()["labelled"] for labels in (20, 40))
    assert (len(few), len(many)) == (20, 40)
    assert set(few) < set(many)


def test_seeds_differ_but_share_the_test_part(compared: latens.Comparison) -> None:
    first, second = (arm(compared, "scratch", 20, seed).split() for seed in (0, 1))
    assert not np.array_equal(first["labelled"], second["labelled"])
    assert np.array_equal(first["test"], second["test"])


def test_the_numbers_are_those_of_the_runs(compared: latens.Comparison) -> None:
    for described in compared.arms:
        found = [
            arm(compared, described["mode"], described["labels"], seed).result("classification")[0]
            for seed in (0, 1)
        ]
        assert described["accuracies"] == pytest.approx([f["accuracy"] for f in found])
        assert described["mean"] == pytest.approx(np.mean(described["accuracies"]))
        assert described["low"] <= described["mean"] <= described["high"]


def test_verdicts(compared: latens.Comparison) -> None:
    means = {(a["mode"], a["labels"]): a["mean"] for a in compared.arms}
    assert [(c["mode"], c["labels"]) for c in compared.comparisons] == [
        (mode, labels) for labels in (20, 40) for mode in ("frozen", "two-phase")
    ]
    for found in compared.comparisons:
        difference = means[found["mode"], found["labels"]] - means["scratch", found["labels"]]
        assert found["difference"] == pytest.approx(difference)
        assert found["low"] <= found["difference"] <= found["high"]
        assert 0 <= found["p"] <= found["p_corrected"] <= 1
        assert found["verdict"] in ("gain", "loss", "not shown")
        assert found["control"] == "scratch"
        assert f"{found['labels']} labels" in found["sentence"]
        assert "95% interval" in found["sentence"] and "corrected p" in found["sentence"]
        assert all(math.isfinite(found[key]) for key in ("low", "high", "p"))


def test_few_seeds_are_a_finding(compared: latens.Comparison) -> None:
    assert "few-seeds" in [finding["code"] for finding in compared.findings]
    assert "unmatched-control" not in [finding["code"] for finding in compared.findings]


def test_what_pretraining_found_is_told_with_the_options_of_a_comparison(
    copy: Path, compared: latens.Comparison
) -> None:
    example = RunFolder.open(copy / "runs" / "autoencoder-seed0")
    message = "The error is above that of PCA. Train longer (--epochs 9)."
    found = {"code": "worse-than-pca", "severity": "warning", "message": message}
    other = {"code": "few-test-images", "severity": "info", "message": "Few."}
    example.write_result("findings", {"findings": [found, other]}, {})
    told = [f for f in app.resume(copy, digits()).findings if f not in compared.findings]
    assert [item["message"] for item in told] == [
        "In pretraining, the error is above that of PCA. Train longer "
        "(latens compare --pretrain-epochs 9)."
    ]


@pytest.mark.parametrize(
    ("source", "command"),
    [("digits", "digits "), ("/my pictures", "'/my pictures' "), ("array", "")],
)
def test_the_advice_names_the_images(source: str, command: str) -> None:
    told = app._in_pretraining("Train longer (--epochs 9).", source)
    assert told == f"In pretraining, train longer (latens compare {command}--pretrain-epochs 9)."


def test_the_page_is_there(compared: latens.Comparison) -> None:
    assert Path(compared.page).read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("lost", ["two-phase-20-seed1", "scratch-40-seed0", "autoencoder-seed1"])
def test_only_what_is_lost_is_trained_again(copy: Path, lost: str) -> None:
    before = files(copy / "runs")
    expected = weights(copy / "runs" / lost)
    shutil.rmtree(copy / "runs" / lost)
    again = app.resume(copy, digits())
    after = files(copy / "runs")
    kept = {name: file for name, file in before.items() if not name.startswith(f"{lost}/")}
    assert kept.items() <= after.items(), "a finished training was touched"
    assert same(weights(copy / "runs" / lost), expected)
    assert len(again.comparisons) == 4


def test_resuming_gives_the_same_verdicts(copy: Path, compared: latens.Comparison) -> None:
    shutil.rmtree(copy / "runs" / "two-phase-20-seed1")
    shutil.rmtree(copy / "results")
    assert app.resume(copy, digits()).comparisons == compared.comparisons


def test_an_unfinished_training_is_completed(copy: Path, compared: latens.Comparison) -> None:
    run = copy / "runs" / "frozen-40-seed0"
    expected = weights(run)
    shutil.rmtree(run / "results")
    assert app.resume(copy, digits()).comparisons == compared.comparisons
    assert same(weights(run), expected)


def test_a_stopped_training_goes_on_from_its_checkpoint(
    tmp_path: Path, compared: latens.Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)
    seen: list[int] = []

    def stop(record: Any) -> None:
        if record.epoch == 2:
            raise Interrupted("Stopped.", hint="")

    with pytest.raises(Interrupted):
        latens.compare(digits(), **ASKED, out=tmp_path / "cmp", observers=[stop])
    again = app.resume(
        tmp_path / "cmp", digits(), observers=[lambda record: seen.append(record.epoch)]
    )
    assert seen[0] > 1, "it began anew"
    assert again.comparisons == compared.comparisons


@pytest.mark.parametrize(
    "other",
    [
        {"seeds": 3},
        {"labels": [20]},
        {"modes": ["fine-tune"]},
        {"classify_options": {**CLASSIFY, "epochs": 5}},
        {"pretrain_options": {**PRETRAIN, "latent": 9}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_question_is_refused(copy: Path, other: dict[str, Any]) -> None:
    before = files(copy)
    with pytest.raises(RunError, match="the same question") as caught:
        latens.compare(digits(), **{**ASKED, **other}, out=copy, resume=True)
    assert caught.value.code == "other-spec"
    assert files(copy) == before


def test_the_same_question_goes_on(copy: Path, compared: latens.Comparison) -> None:
    again = latens.compare(digits(), **ASKED, out=copy, resume=True)
    assert again.comparisons == compared.comparisons


def test_other_images_are_refused(copy: Path) -> None:
    from app_tiny import poisoned

    with pytest.raises(RunError) as caught:
        latens.compare(poisoned(), **ASKED, out=copy, resume=True)
    assert caught.value.code == "other-data"


def test_ctrl_c_says_how_to_go_on_with_the_whole(tmp_path: Path) -> None:
    told = []

    def stop(record: Any) -> None:
        told.append(record)
        raise Interrupted("Stopped.", hint="Go on with --resume one-of-many")

    with pytest.raises(Interrupted) as caught:
        latens.compare(digits(), **ASKED, out=tmp_path / "cmp", observers=[stop])
    assert told
    assert f"latens compare --resume {tmp_path / 'cmp'}" in caught.value.hint


def test_a_repeated_budget_or_mode_counts_once(tmp_path: Path) -> None:
    found = latens.compare(
        digits(), labels=[20, 20], modes=["scratch", "frozen", "frozen"], seeds=2,
        out=tmp_path / "cmp", pretrain_options=PRETRAIN, classify_options=CLASSIFY,
    )  # fmt: skip
    assert [a["mode"] for a in found.arms] == ["frozen", "scratch"]
    assert all(len(a["accuracies"]) == 2 for a in found.arms)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"seeds": 1}, "too-few-seeds"),
        ({"labels": [3]}, "bad-budget"),
        ({"labels": [215]}, "bad-budget"),
        ({"labels": ["many"]}, "bad-labels"),
        ({"labels": [-4]}, "bad-labels"),
        ({"labels": []}, "nothing-to-compare"),
        ({"modes": ["scratch"]}, "nothing-to-compare"),
        ({"modes": ["frozzen"]}, "unknown-mode"),
        ({"classify_options": {"epochs": 1}}, "too-few-epochs"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_impossible_questions_are_refused_before_training(
    tmp_path: Path, other: dict[str, Any], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        latens.compare(digits(), **{**ASKED, **other}, out=tmp_path / "cmp")
    assert caught.value.code == code
    assert caught.value.hint
    assert not (tmp_path / "cmp").exists()


def test_a_demo_replaces_a_demo_and_nothing_else(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(copy)
    with pytest.raises(LatensError) as caught:
        demo.demo(copy)
    assert caught.value.code == "run-exists"
    assert files(copy) == before
    tiny = {"overrides": demo.NETWORK, "epochs": 1, "threads": 1}
    out = copy.parent / "demo"
    earlier = latens.compare(
        "digits", labels=demo.LABELS, modes=["frozen"], seeds=demo.SEEDS, out=out,
        pretrain_options=tiny, classify_options={**CLASSIFY, "epochs": 1},
    )  # fmt: skip

    class Replaced(Exception):
        pass

    def begun(*args: Any, **kwargs: Any) -> None:
        assert not out.exists(), "the earlier demo is in the way"
        raise Replaced

    assert Path(earlier.run).exists()
    monkeypatch.setattr(demo, "compare", begun)
    with pytest.raises(Replaced):
        demo.demo(out)
