"""What people see: words that read well, and a next command that works."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_tiny import NETWORK, QUICK, files, latens
from PIL import Image

from latens.cli.screen import typed

SAID: dict[str, tuple[list[str], list[str]]] = {
    "pretrain": (
        ["pretrain", "--resume", "runs/ae"],
        ["300 images of 8x8, 1 channel;", "Validation error", "PSNR", "SSIM", "4 epochs in",
         "PCA with the same 8 numbers", "Run: runs/ae", "Report: runs/ae/report/index.html"],
    ),
    "classify": (
        ["classify", "--resume", "runs/clf"],
        ["Validation accuracy", "(two-phase, 60 labelled images)", "Run: runs/clf"],
    ),
    "evaluate": (
        ["evaluate", "runs/clf"],
        ["Test accuracy", "precision", "weighted avg", "ECE", "of 80 right"],
    ),
    "evaluate an autoencoder": (["evaluate", "runs/ae"], ["Test error", "on 80 images"]),
    "compare": (
        ["compare", "--resume", "runs/cmp"],
        ["Test accuracy over 2 seeds", "Verdict", "corrected p", "few-seeds", "Report:"],
    ),
    "runs list": (["runs", "list"], ["runs/ae", "runs/clf", "runs/cmp", "finished"]),
    "runs show": (
        ["runs", "show", "runs/clf"],
        ["phase head  1 epoch, adamw", "val accuracy", "two-phase", "finished",
         "classification accuracy  ", "training time  "],
    ),
    "show a comparison": (["runs", "show", "runs/cmp"], ["two-phase at 20 labels"]),
    "data list": (["data", "list"], ["digits", "mnist", "cifar10", "built in"]),
    "data check": (
        ["data", "check", "data.npz"],
        ["300 images of 8x8, 1 channel", "Memory: 19 kB", "validation", "as the data gives"],
    ),
    "data check of whole data": (
        ["data", "check", "one-class.npz"],
        ["all        300        216           24     60", "Test: drawn (20 %)", "single-class"],
    ),
    "doctor": (["doctor"], ["latens", "python", "torch"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(runs: Path, name: str) -> None:
    arguments, words = SAID[name]
    done = latens(*arguments)
    assert done.code == 0, done.err
    for word in words:
        assert word in done.out
    assert not re.search(r"\b1 (epochs|images|channels|seeds)\b|\(s\)", done.out)
    assert done.err == "", "bars are for terminals"
    (following,) = re.findall(r"^Next: latens (.*)$", done.out, re.MULTILINE)
    assert latens(*shlex.split(following)[:1], "--help").code == 0


def test_the_next_command_can_be_typed_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "my env" / "latens"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.argv", [str(program), "demo"])
    assert typed("latens pretrain digits") == f"'{program}' pretrain digits"
    assert typed("pip install latens") == "pip install latens"
    monkeypatch.setattr("sys.argv", ["/x/latens/__main__.py", "demo"])
    assert typed("latens pretrain digits").endswith(" -m latens pretrain digits")
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr("sys.argv", [str(program), "demo"])
    assert typed("latens pretrain digits") == "latens pretrain digits"


def test_a_denoiser_tells_three_errors(here: Path, tmp_path: Path) -> None:
    out = tmp_path / "ae"
    done = latens("pretrain", "data.npz", "--out", out, "--noise", "salt-pepper=0..0.5",
                  "--epochs", "1", *NETWORK)  # fmt: skip
    assert done.code == 0, done.err
    assert "Validation error of clean images 0." in done.out
    told = (
        r"^Error of corrupted images given back 0[\d.]+, error of corrupted images as they came 0"
    )
    assert re.search(told, done.out, re.MULTILINE)
    again = latens("pretrain", "--resume", out)
    assert f"{out} is finished already: nothing is trained" in again.out
    assert "Validation error of clean images 0." in again.out
    assert re.search(told, latens("evaluate", out).out, re.MULTILINE)


def test_one_command_leads_to_the_next(here: Path, tmp_path: Path) -> None:
    """From a folder of pictures with an odd name, by copying the line that is offered."""
    data, run = tmp_path / "my pictures", tmp_path / "first run"
    for number in range(50):
        picture = data / f"{number % 2}" / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8), 4 * number, np.uint8)
        Image.fromarray(pixels).convert("RGB").resize((40, 30)).save(picture)
    short = [*NETWORK, "--epochs", "1", "--size", "8", "--channels", "1"]
    done = latens("pretrain", data, "--out", run, *short)
    assert done.code == 0, done.err
    assert "Note: " in done.out and "8x8" in done.out
    following = offered(done.out)
    assert following[:2] == ["classify", str(data)] and following[2:] == ["--encoder", str(run)]
    clf = tmp_path / "second run"
    done = latens(*following, "--out", clf, *QUICK)
    assert done.code == 0, done.err
    following = offered(done.out)
    assert following == ["evaluate", str(clf)]
    done = latens(*following)
    assert done.code == 0, done.err
    following = offered(done.out)
    assert following == ["predict", str(clf), "PICTURE.png"]
    assert latens(*following[:-1], data / "0" / "0.png").code == 0


def offered(text: str) -> list[str]:
    (line,) = re.findall(r"^Next: latens (.*)$", text, re.MULTILINE)
    return shlex.split(line)


def test_unlabelled_images_are_not_offered_a_classifier(here: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in Path("pictures").rglob("*.png"):
        shutil.copy(file, flat)
    done = latens("pretrain", flat, "--out", tmp_path / "ae", *NETWORK, "--epochs", "1",
                  "--size", "8", "--channels", "1")  # fmt: skip
    assert done.code == 0, done.err
    assert offered(done.out) == ["evaluate", str(tmp_path / "ae")]
    assert "1 epoch in" in done.out


def test_an_unfinished_run_tells_how_far_it_came(runs: Path, damaged: Path) -> None:
    done = latens("runs", "show", damaged / "unfinished")
    assert "state  unfinished, 2 of 2 epochs of phase all done" in done.out
    assert offered(done.out) == ["classify", "--resume", str(damaged / "unfinished")]
    found = latens("runs", "show", damaged / "unfinished", "--json").document
    assert found["state"] == "unfinished" and found["progress"]["epochs"] == 2


def test_a_failed_run_tells_why(runs: Path, damaged: Path, tmp_path: Path) -> None:
    from latens.runs.folder import RunFolder

    run = Path(shutil.copytree(damaged / "unfinished", tmp_path / "failed"))
    RunFolder.open(run).mark_failed("The loss became nan.", "Lower the rate.")
    done = latens("runs", "show", run)
    assert "state  failed" in done.out and "The loss became nan." in done.out
    assert "Try: Lower the rate." in done.out
    refused = latens("evaluate", run, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (4, "failed-run")
    assert "The loss became nan." in refused.document["error"]["message"]
    (listed,) = latens("runs", "list", "--root", tmp_path, "--json").document
    assert listed["state"] == "failed"


def test_an_unfinished_comparison_counts_its_trainings(runs: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs / "runs" / "cmp", tmp_path / "cmp"))
    (run / "results" / "comparison.json").unlink()
    done = latens("runs", "show", run)
    assert "unfinished, 10 of 10 trainings done" in done.out
    assert offered(done.out) == ["compare", "--resume", str(run)]


def test_no_raw_floats_and_a_short_result(runs: Path) -> None:
    for run in ("ae", "clf", "cmp"):
        assert not re.search(r"\d\.\d{7,}", latens("runs", "show", f"runs/{run}").out)
    (listed,) = [
        run["main_number"] for run in latens("runs", "list", "--json").document
        if run["task"] == "compare"
    ]  # fmt: skip
    assert re.fullmatch(r"(\d+ (gain|loss|not shown)(, )?)+", listed)
    assert sum(map(int, re.findall(r"\d+", listed))) == 2


def test_an_evaluated_autoencoder_keeps_its_validation_result(runs: Path, copy: Path) -> None:
    from latens.runs.folder import RunFolder

    before = RunFolder.open(copy).result("reconstruction")[0]
    done = latens("evaluate", copy, "--json")
    held = RunFolder.open(copy)
    assert held.result("reconstruction")[0] == before and before["part"] == "validation"
    tested = held.result("reconstruction-test")[0]
    assert tested["part"] == "test" and tested["mse"] == done.document["mse"]


def test_runs_list_of_nothing(tmp_path: Path) -> None:
    done = latens("runs", "list", "--root", tmp_path)
    assert done.code == 0 and "No runs" in done.out
    assert "There is no folder" in latens("runs", "list", "--root", tmp_path / "none").out
    assert done.code == 0 and "Next: latens pretrain" in done.out


def test_runs_list_marks_what_is_damaged(runs: Path, damaged: Path) -> None:
    found = {
        Path(run["run"]).name: run["state"]
        for run in latens("runs", "list", "--root", damaged, "--json").document
    }
    assert found["newer"] == found["spec"] == "damaged"
    assert found["unfinished"] == "unfinished"
    assert "half" not in found


@pytest.fixture
def copy(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs / "runs" / "ae", tmp_path / "copy"))


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_rm_asks_and_keeps(copy: Path, answer: str) -> None:
    before = files(copy)
    done = latens("runs", "rm", copy, stdin=answer)
    assert done.code == 0 and "Kept" in done.out
    assert files(copy) == before


def test_rm_without_anybody_to_ask(copy: Path) -> None:
    before = files(copy)
    assert latens("runs", "rm", copy).code == 130
    done = latens("runs", "rm", copy, "--json")
    assert done.code == 2 and done.document["error"]["code"] == "not-confirmed"
    assert files(copy) == before


def test_rm_removes(copy: Path) -> None:
    assert "Removed" in latens("runs", "rm", copy, stdin="y\n").out
    assert not copy.exists()


def test_rm_with_yes(copy: Path) -> None:
    assert latens("runs", "rm", copy, "--yes", "--json").document == {"removed": str(copy)}
    assert not copy.exists()


def test_rm_refuses_what_others_made(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "spec.json").write_text('{"version": 1, "title": "a novel"}')
    before = files(tmp_path)
    done = latens("runs", "rm", other, "--yes", "--json")
    assert done.code == 4 and done.document["error"]["code"] == "not-a-run"
    assert files(tmp_path) == before


def test_report_draws_again(copy: Path) -> None:
    shutil.rmtree(copy / "report")
    found = latens("report", copy, "--json").document
    assert Path(found["page"]).is_file()
    assert found["figures"] and all(Path(figure).is_file() for figure in found["figures"])


def test_pack_gives_the_same_training(runs: Path, tmp_path: Path) -> None:
    from latens.runs.folder import RunFolder
    from latens.train import checkpoint

    packed = latens("data", "pack", "data.npz", "--out", tmp_path / "data.pack", "--json")
    assert packed.code == 0 and packed.document["bytes"] > 300 * 64
    done = latens("pretrain", packed.document["pack"], "--out", tmp_path / "ae",
                  "--epochs", "4", *NETWORK, "--json")  # fmt: skip
    first, second = (
        checkpoint._read(RunFolder.open(run))[0] for run in ("runs/ae", tmp_path / "ae")
    )
    assert first.keys() == second.keys() and all(first[n].equal(second[n]) for n in first)
    plain = latens("pretrain", "--resume", "runs/ae", "--json").document
    assert done.document["val_mse"] == plain["val_mse"]
    again = latens("data", "pack", "data.npz", "--out", tmp_path / "data.pack")
    assert again.code == 3 and "exists" in again.err


def test_pack_tells_what_it_left_out(here: Path) -> None:
    place = Path("with-a-broken-one")
    place.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(place / f"{number:02d}.png")
    whole = (place / "05.png").read_bytes()
    (place / "05.png").write_bytes(whole[: len(whole) // 2])
    packed = latens("data", "pack", place)
    assert packed.code == 0
    assert "Note: 1 unreadable picture skipped (05.png)." in packed.out
    assert "with-a-broken-one.pack, 11 images" in packed.out


def test_data_list_looks_where_it_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    shutil.copytree("pictures", tmp_path / "mine" / "scribbles")
    monkeypatch.setenv("LATENS_DATA", str(tmp_path / "mine"))
    found = {named["name"]: named for named in latens("data", "list", "--json").document}
    assert found["scribbles"]["where"] == str(tmp_path / "mine" / "scribbles")
    assert latens("data", "check", "scribbles", "--size", "8", "--json").document["images"] == 40


def test_the_same_command_twice_makes_two_runs(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = [
        latens("pretrain", runs / "data.npz", "--epochs", "1", *NETWORK, "--json").document["run"]
        for _ in range(2)
    ]
    assert made == ["runs/data-pretrain-1", "runs/data-pretrain-2"]
