"""The reports' classifier, held by a script."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from menu_tiny import Person, latens, session

import latens as library
from latens.menu.classification import Classification
from latens.menu.session import Session
from latens.runs.folder import RunFolder

DATA = "train.dat,train.lab,test.dat,test.lab"
NUMBERS = ("2", "64", "12")  # epochs, batch size, neurons


def hold(
    encoder: Path, *answers: str, report: int = 1, fc_layers: int = 1
) -> tuple[Person, Session]:
    person = Person(*answers)
    sitting = session(person, DATA)
    sitting.options["augment"] = "none"
    Classification(sitting, encoder, report, fc_layers).hold()
    return person, sitting


def test_train_choose_and_predict(here: Path, trained: Path) -> None:
    answers = ("3", "1", *NUMBERS, "1", "1", "32", "8", "3", "3", "1")
    person, sitting = hold(trained, *answers)
    assert "There is no classifier yet" in person.text
    assert "Expected a whole number from 1 to 2; got '3'." in person.text
    assert "1 - model-1: epochs 2, batch size 64, neurons 12" in person.text
    first, second = sitting.models
    result = RunFolder.open(first.run).result("classification")[0]
    right = round(result["accuracy"] * 60)
    assert f"Found {right} correct labels\nFound {60 - right} incorrect labels" in person.text
    assert (
        f"Test loss: {result['loss']:.4f}  Test accuracy: {result['accuracy']:.4f}" in person.text
    )
    assert "     Class 7 " in person.text and "macro avg" in person.text
    assert str(first.run / "report" / "classification-wrong.png") in person.text
    assert "classification" not in RunFolder.open(second.run).results()
    assert sitting.following == f"latens predict {first.run} PICTURE.png"


def test_both_phases_have_all_the_epochs(here: Path, trained: Path) -> None:
    _, sitting = hold(trained, "1", *NUMBERS, fc_layers=2)
    spec = RunFolder.open(sitting.models[0].run).spec()
    assert [(p["name"], p["epochs"]) for p in spec["phases"]] == [("head", 2), ("all", 2)]
    assert (spec["head"]["hidden"], spec["train"]["batch_size"]) == ([12, 12], 64)


def test_report_2_asks_first_and_compares_the_network(here: Path, trained: Path) -> None:
    answers = ("1", "32", "10", "4", "3x3", "64", "2")
    person, sitting = hold(trained, *answers, report=2)
    assert person.heard[0].startswith("Give the number of epochs")
    assert "You say convolution layers 10, the file 4: the file is right." in person.text
    assert RunFolder.open(sitting.models[0].run).spec()["head"]["hidden"] == [64]
    assert "come with the second model" in person.text


def test_a_loaded_classifier_can_be_tested(here: Path, trained: Path, classifier: Path) -> None:
    person, sitting = hold(trained, "4", str(trained), str(classifier), "1", "128", "8", "3", "1")
    assert "Expected a classifier's run" in person.text
    assert "You say" not in person.text
    assert sitting.models[0].numbers == {
        "neurons": 8, "fc_layers": 1, "epochs": 1, "batch_size": 128
    }  # fmt: skip
    assert "Found" in person.text


def test_a_classifier_of_keras_can_be_tested(here: Path, trained: Path) -> None:
    hold(trained, "1", *NUMBERS)
    code, _, err = latens("export", "runs/here/model-1", "--to", "keras", "clf.h5")
    assert code == 0, err
    person, sitting = hold(trained, "4", "clf.h5", "2", "64", "12", "2", "3", "1")
    assert sitting.models[0].numbers == {
        "epochs": 2, "batch_size": 64, "neurons": 12, "fc_layers": 1
    }  # fmt: skip
    ours = library.evaluate("runs/here/model-1").accuracy
    assert f"Test accuracy: {ours:.4f}" in person.text


def test_the_plain_command_makes_the_same_run(here: Path, trained: Path) -> None:
    person, sitting = hold(trained, "1", *NUMBERS)
    line = next(line for line in person.heard if line.startswith("The same without"))
    command = shlex.split(line.partition(": ")[2])
    code, _, err = latens(*command[1:], "--out", "again")
    assert code == 0, err
    spec = json.loads((sitting.models[0].run / "spec.json").read_text())
    assert json.loads(Path("again/spec.json").read_text()) == spec


@pytest.mark.parametrize("answers", [("1", "2"), ("4",), ("1", *NUMBERS, "3")])
def test_the_end_of_input_ends_it(here: Path, trained: Path, answers: tuple[str, ...]) -> None:
    person, sitting = hold(trained, *answers)
    assert "End of input." in person.text
    assert len(sitting.models) == ("3" in answers)
