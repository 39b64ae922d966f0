"""`latens sweep` and `latens worker`: what is typed, what is said, and how mistakes end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_tiny import Done, environment, latens, process

from latens.app import settings
from latens.cli.main import app
from latens.search.storage import sqlite_url

TINY = ["--network", "mlp", "--hidden", "8", "--epochs", "2", "--batch-size", "64",
        "--threads", "1"]  # fmt: skip
RATES = ["--param", "learning_rate=1e-3..1e-2:log"]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have tests of their own."""
    monkeypatch.setattr("latens.app.sweep_answer._draw", lambda *given: "")


def sweep(*more: str | Path) -> Done:
    return latens("sweep", "data.npz", "--pretrain", *TINY, *more)


def test_it_has_every_flag_of_both_commands() -> None:
    commands: Any = typer.main.get_command(app)
    flags = {flag for p in commands.commands["sweep"].params for flag in p.opts}
    for bundle in (settings.PretrainOptions, settings.ClassifyOptions):
        table = settings.table(bundle)
        assert {settings.flag(name, setting) for name, (_, setting) in table.items()} <= flags


def test_a_sweep_from_its_first_trial_to_the_next_command(here: Path) -> None:
    done = sweep("--param", "latent=2,4", *RATES, "--trials", "3", "--out", "runs/swept")
    assert done.code == 0, done.err
    assert "3 trials complete, 0 pruned, 0 failed" in done.out
    assert "Front of val_mse against time: trials" in done.out
    assert "Front of val_mse against code width: trials" in done.out
    assert "Next: latens " in done.out and "runs/swept/trials/000" in done.out
    listed = latens("runs", "list")
    assert "3 complete trials, best val mse" in listed.out
    shown = latens("runs", "show", "runs/swept")
    assert shown.code == 0 and "sweep" in shown.out
    more = latens("sweep", "--resume", "runs/swept", "--trials", "4", "--threads", "1",
                  "--device", "cpu", "--json")  # fmt: skip
    assert more.code == 0 and more.document["complete"] == 4
    assert "3 of 4 trials are done already (3 complete); 1 to go." in more.err
    evaluated = latens("evaluate", f"runs/swept/trials/{more.document['best']:04d}")
    assert evaluated.code == 0, evaluated.err


def test_a_grid_of_classifiers_as_json(here: Path) -> None:
    done = latens(
        "sweep", "data.npz", "--classify", "--search", "grid", "--param", "hidden=8,[8,4]",
        "--param", "encoder.activation=relu,tanh", "--labels", "60", "--no-augment", "--epochs",
        "1", "--network", "mlp", "--threads", "1", "--out", "runs/grid", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = {(t["hidden"], t["encoder.activation"]) for t in done.document["trials"]}
    assert found == {(h, a) for h in (None, "8", "8,4") for a in ("relu", "tanh") if h}
    assert done.document["score"] == "val_accuracy" and done.document["goal"] == "maximize"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["data.npz", "--param", "latent=2"], "no-task", "--pretrain or --classify"),
        (["data.npz", "--pretrain"], "empty-grid", "something to search over"),
        (["data.npz", "--pretrain", "--param", "latent"], "bad-param", "NAME=VALUES"),
        (["data.npz", "--pretrain", "--param", "latent=2", "--param", "latent=4"], "given-twice",
         "--param latent once"),
        (["data.npz", "--pretrain", "--param", "latnet=2"], "unknown-parameter", "latnet"),
        (["data.npz", "--pretrain", "--param", "dropout=0..7"], "bad-spec", "dropout"),
        (["data.npz", "--pretrain", "--param", "dropout=0..1", "--search", "grid"], "no-grid",
         "grid"),
        (["data.npz", "--pretrain", "--balance", "none", "--param", "latent=2"],
         "unknown-keyword", "balance"),
        (["data.npz", "--pretrain", "--param", "latent=2", "--storage", "x"], "bad-storage", "URL"),
        (["--pretrain", "--param", "latent=2"], "no-data", "DATA"),
        (["--resume", "runs/ae", "--threads", "1", "--search", "grid"], "without-effect",
         "got --search as well"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_nothing_is_made(
    here: Path, arguments: list[str], code: str, words: str
) -> None:
    done = latens("sweep", *arguments, "--out", "runs/wrong", "--json") if (
        "--resume" not in arguments
    ) else latens("sweep", *arguments, "--json")  # fmt: skip
    assert done.code == 2, done.err
    error = done.document["error"]
    assert error["code"] == code and words in error["message"] and error["hint"]
    assert not (here / "runs" / "wrong").exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lr", "Did you mean learning_rate?"),
        ("bs", "Did you mean batch_size?"),
        ("lerning_rate", "Did you mean learning_rate?"),
        ("zzz", "'latens pretrain --help' lists them all."),
    ],
)
def test_a_parameter_of_another_name_is_helped(here: Path, name: str, hint: str) -> None:
    error = sweep("--param", f"{name}=1,2", "--json").document["error"]
    assert error["code"] == "unknown-parameter" and error["hint"].startswith(hint)
    assert "activation" not in error["hint"]


def test_a_worker_empties_the_queue_that_was_filled(here: Path, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "q.db")
    queued = sweep(*RATES, "--trials", "2", "--storage", url, "--study", "q", "--enqueue",
                   "--out", "runs/queued", "--json")  # fmt: skip
    assert [t["state"] for t in queued.document["trials"]] == ["waiting", "waiting"]
    done = latens("worker", "--storage", url, "--study", "q", "--threads", "1")
    assert done.code == 0, done.err
    assert "Did 2 pieces of work of 2; all are done." in done.out
    assert "Next: latens sweep --resume" in done.out
    finished = latens("sweep", "--resume", "runs/queued", "--json")
    assert finished.document["complete"] == 2


def test_a_worker_without_a_queue(here: Path, tmp_path: Path) -> None:
    done = latens("worker", "--storage", sqlite_url(tmp_path / "q.db"), "--study", "q", "--json")
    assert done.code == 4 and done.document["error"]["code"] == "no-storage"


def test_killed_with_nine_it_goes_on(here: Path) -> None:
    """The real command, killed for real once a trial is done and another begun."""
    command = ["-m", "latens", "sweep", "data.npz", "--pretrain", *TINY, *RATES, "--trials", "4",
               "--prune", "none", "--out", "runs/killed"]  # fmt: skip
    running = subprocess.Popen(process(*command), cwd=here, env=environment())
    while not (here / "runs/killed/trials/0001").exists():
        assert running.poll() is None, "it ended too soon"
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = (here / "runs/killed/trials/0000/weights/LAST").stat().st_mtime_ns
    done = latens("sweep", "--resume", "runs/killed", "--json")
    assert done.code == 0 and done.document["complete"] == 4
    assert (here / "runs/killed/trials/0000/weights/LAST").stat().st_mtime_ns == before
    whole = sweep(*RATES, "--trials", "4", "--prune", "none", "--out", "runs/whole", "--json")
    scores = [[t["val_mse"] for t in each.document["trials"]] for each in (done, whole)]
    assert scores[0] == scores[1]


def test_ctrl_c_says_how_to_go_on(here: Path) -> None:
    command = ["-m", "latens", "sweep", "data.npz", "--pretrain", *TINY, *RATES, "--trials", "50",
               "--epochs", "2", "--out", "runs/stopped", "--json"]  # fmt: skip
    running = subprocess.Popen(
        process(*command), cwd=here, env=environment(), text=True, stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal
    )  # fmt: skip
    while not (here / "runs/stopped/trials/0001").exists():
        assert running.poll() is None, "it ended too soon"
    os.kill(running.pid, signal.SIGINT)
    out, _ = running.communicate(timeout=300)
    assert running.returncode == 130
    error = json.loads(out)["error"]
    assert error["code"] == "interrupted"
    assert "latens sweep --resume runs/stopped" in error["hint"]
