"""What scripts read: keys, types, one document on standard output, and errors in the same form."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli_tiny import NETWORK, Done, environment, latens, process

FINDING = {"code", "severity", "message"}


def test_pretrain(pretrained: Done) -> None:
    assert pretrained.code == 0
    found = pretrained.document
    assert {"run", "val_mse", "epochs", "train_seconds", "images_per_second"} <= set(found)
    assert found["run"] == "runs/ae" and found["epochs"] == 4
    assert 0 < found["val_mse"] < 1


def test_classify(classified: Done) -> None:
    found = classified.document
    assert {"run", "mode", "val_accuracy", "epochs", "train_seconds"} <= set(found)
    assert (found["run"], found["mode"], found["epochs"]) == ("runs/clf", "two-phase", 3)
    assert 0 <= found["val_accuracy"] <= 1


def test_evaluate(evaluated: Done) -> None:
    found = evaluated.document
    keys = {"run", "accuracy", "loss", "report", "confusion", "ece", "nll", "brier"}
    assert keys <= set(found)
    assert sum(map(sum, found["confusion"])) == 80
    assert len(found["confusion"]) == 10 and all(len(row) == 10 for row in found["confusion"])
    for name in "0123456789":
        assert set(found["report"][name]) == {"precision", "recall", "f1-score", "support"}
    assert {"accuracy", "macro avg", "weighted avg"} < set(found["report"])


def test_compare(compared: Done) -> None:
    found = compared.document
    assert {"arms", "comparisons"} <= set(found)
    assert [(a["mode"], a["labels"]) for a in found["arms"]] == [
        ("two-phase", 20), ("scratch", 20), ("two-phase", "all"), ("scratch", "all"),
    ]  # fmt: skip
    keys = {"difference", "low", "high", "p", "p_corrected", "verdict"}
    assert all(keys <= set(item) for item in found["comparisons"])
    assert all(item["p_corrected"] >= item["p"] for item in found["comparisons"])


def test_data_check(here: Path) -> None:
    found = latens("data", "check", "data.npz", "--json").document
    assert {"images", "size", "channels", "classes", "findings"} <= set(found)
    assert (found["images"], found["size"], found["channels"]) == (300, [8, 8], 1)
    assert set(found["classes"]) == set("0123456789")
    assert sum(found["classes"].values()) == 300
    told = latens("data", "check", "one-class.npz", "--json").document["findings"]
    assert told and all(set(finding) == FINDING for finding in told)
    assert "single-class" in [finding["code"] for finding in told]


LISTINGS: dict[str, list[str]] = {
    "runs list": ["runs", "list", "--root", "runs"],
    "runs show": ["runs", "show", "runs/clf"],
    "runs show of a comparison": ["runs", "show", "runs/cmp"],
    "report": ["report", "runs/ae"],
    "doctor": ["doctor"],
    "data list": ["data", "list"],
    "predict": ["predict", "runs/clf", "pictures"],
    "resume pretrain": ["pretrain", "--resume", "runs/ae"],
    "resume classify": ["classify", "--resume", "runs/clf"],
    "resume compare": ["compare", "--resume", "runs/cmp"],
    "evaluate an autoencoder": ["evaluate", "runs/ae"],
}


@pytest.mark.parametrize("name", LISTINGS)
def test_one_document_and_nothing_else(runs: Path, name: str) -> None:
    done = latens(*LISTINGS[name], "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) is not None
    assert "Traceback" not in done.err


def test_a_real_process_keeps_the_streams_apart(work: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        process("-m", "latens", "pretrain", work / "data.npz", "--out", tmp_path / "ae",
                "--epochs", "1", *NETWORK, "--json"),
        capture_output=True, text=True, env=environment(), check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["run"] == str(tmp_path / "ae")
    assert "Report:" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["pretrain", "nothing-like-it"],  # an error of the use case
        ["pretrain", "--no-such-flag"],  # of the option parser
        ["evaluate", "runs/none"],
        ["pretrain", "bad/letter.txt"],
        [],
    ],
)
def test_failures_have_the_same_form(runs: Path, arguments: list[str]) -> None:
    done = latens(*arguments, "--json")
    assert done.code in (2, 3, 4)
    if not arguments:
        return
    assert set(done.document) == {"error"}
    error = done.document["error"]
    assert set(error) == {"code", "message", "hint"}
    assert error["code"] and error["message"].startswith("Expected") and error["hint"]
    assert done.err == ""


def rows(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_one_bad_picture_does_not_stop_the_others(form: tuple[str, ...], runs: Path) -> None:
    good = sorted(Path("pictures").rglob("*.png"))[:2]
    done = latens("predict", "runs/clf", good[0], "bad/letter.png", good[1], *form)
    assert done.code == 3
    assert "Expected a readable picture; bad/letter.png is none" in done.err
    assert all(file.name in done.out for file in good) and "letter" not in done.out
    if form == ("--json",):
        assert len(done.document) == 2


def test_predictions_as_csv_and_json_agree(runs: Path) -> None:
    files = ["pictures/3", "pictures/1"]
    as_csv, as_json = latens("predict", "runs/clf", *files, "--csv"), latens(
        "predict", "runs/clf", *files, "--json"
    )  # fmt: skip
    table, documents = rows(as_csv.out), as_json.document
    assert len(table) == len(documents) > 2
    for row, document in zip(table, documents, strict=True):
        assert (row["file"], row["label"]) == (document["file"], document["label"])
        assert float(row["confidence"]) == document["confidence"]
        assert sum(document["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        for name, p in document["probabilities"].items():
            assert float(row[name]) == pytest.approx(p, abs=1e-6)


def test_class_names_may_hold_commas_and_quotes(here: Path, tmp_path: Path) -> None:
    from PIL import Image

    names = ['cat, "the" big', "dog's", "two\nlines"]
    for number in range(60):
        picture = tmp_path / "animals" / names[number % 3] / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number * 4).save(picture)
    latens("classify", tmp_path / "animals", "--out", tmp_path / "clf", "--epochs", "1",
           "--batch-size", "16", "--threads", "1", "--no-augment")  # fmt: skip
    done = latens("predict", tmp_path / "clf", tmp_path / "animals", "--csv")
    assert done.code == 0, done.err
    table = rows(done.out)
    assert len(table) == 60
    assert list(table[0])[3:] == names
    assert {row["label"] for row in table} <= set(names)
    assert json.loads(latens("evaluate", tmp_path / "clf", "--json").out)["classes"] == names


def test_one_form_at_a_time(runs: Path) -> None:
    done = latens("predict", "runs/clf", "pictures", "--csv", "--json")
    assert done.code == 2 and done.document["error"]["code"] == "two-forms"
