"""`latens menu`, held by a script."""

from __future__ import annotations

from pathlib import Path

import pytest
from menu_tiny import Person, session

from latens.menu.friendly import Friendly
from latens.menu.session import Session
from latens.runs.folder import RunFolder

AUTOENCODER, CLASSIFIER, PLOTS, TEST, SAVE, LOAD, LEAVE = "1234567"
DATA = "train.dat,train.lab,test.dat,test.lab"


def hold(*answers: str, labelled: bool = True) -> tuple[Person, Session]:
    person = Person(*answers)
    sitting = session(person, DATA if labelled else "train.dat")
    Friendly(sitting, labelled).hold()
    return person, sitting


def test_the_whole_way(here: Path) -> None:
    person, sitting = hold(
        AUTOENCODER, "2", "4", "", "4", "1", "64",
        CLASSIFIER, "2", "1", "", "8",
        PLOTS, TEST, "1", TEST, "1", SAVE, "2", "clf", SAVE, "1", "ae.keras",
        LOAD, "2", "clf", PLOTS, LEAVE,
    )  # fmt: skip
    autoencoder, classifier, loaded = sitting.models
    assert autoencoder.numbers["kernel_size"] == 3
    assert RunFolder.open(classifier.run).spec()["mode"] == "two-phase"
    assert loaded.scores["val_accuracy"] == pytest.approx(classifier.scores["val_accuracy"])
    assert "the test images were read 2 times now" in person.text
    assert "latens export runs/here/model-1 --to keras ae.keras" in person.text
    assert (sitting.folder / "plots" / "classifiers" / "parallel.html").is_file()
    alone = sitting.folder / "plots" / "autoencoders"
    assert [file.name for file in alone.iterdir()] == ["models.csv"], "there is but one"
    assert "End of input" not in person.text


def test_a_classifier_from_scratch_or_on_a_loaded_encoder(here: Path, trained: Path) -> None:
    loaded = (CLASSIFIER, "2", str(trained), "1", "64", "8")
    person, sitting = hold(CLASSIFIER, "1", "1", "64", "8", *loaded, CLASSIFIER, "3", "", LEAVE)
    scratch, encoder, reused = sitting.models
    assert encoder.run == trained
    modes = [RunFolder.open(model.run).spec()["mode"] for model in (scratch, reused)]
    assert modes == ["scratch", "two-phase"]
    assert f"--encoder {trained} --mode two-phase" in person.text


def test_our_own_network_needs_no_numbers(here: Path) -> None:
    _, sitting = hold(AUTOENCODER, "1", "1", "", LEAVE)
    assert sitting.models[0].numbers == {"epochs": 1, "batch_size": 128}
    assert RunFolder.open(sitting.models[0].run).spec()["encoder"]["down"] == "stride"


def test_without_models_there_is_nothing_to_save_or_plot(here: Path) -> None:
    person, _ = hold(SAVE, PLOTS, TEST, LEAVE)
    assert "There is no model yet: train or load one first." in person.text
    assert "nothing to plot" in person.text
    assert "There is no classifier yet" in person.text


def test_unlabelled_images_have_no_classifiers(here: Path) -> None:
    person, _ = hold("5", labelled=False)
    assert "classifier" not in person.text
