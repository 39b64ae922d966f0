"""The hyper-parameters: the order of the questions, and what a run or file has of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from menu_tiny import Person

from latens.menu import numbers
from latens.runs.folder import RunFolder

KNOWN = {"conv_layers": 4, "kernel_size": 3, "filters": 4, "epochs": 2, "batch_size": 64}


def test_each_report_has_its_order() -> None:
    person = Person("10", "3", "32", "20", "128")
    asked = numbers.ask(person.talk, numbers.AUTOENCODER[1])
    assert asked == {**KNOWN, "conv_layers": 10, "filters": 32, "epochs": 20, "batch_size": 128}
    assert [line.removeprefix("Give the ").partition(":")[0] for line in person.heard] == [
        "number of convolution layers", "size of each convolution filter",
        "number of convolution filters per layer", "number of epochs", "batch size",
    ]  # fmt: skip
    assert (
        numbers.ask(Person("20", "128", "10", "32", "3 x 3").talk, numbers.AUTOENCODER[2]) == asked
    )


@pytest.mark.parametrize(
    ("fc", "layers", "neurons"), [("1", 1, 100), ("3", 3, 100), ("64", 1, 64), ("256", 1, 256)]
)
def test_fc_of_report_2_is_layers_or_neurons(fc: str, layers: int, neurons: int) -> None:
    person = Person("20", "128", "10", "32", "3", fc)
    asked = numbers.ask(person.talk, numbers.CLASSIFIER[2])
    assert (asked["fc_layers"], asked["neurons"], "fc" in asked) == (layers, neurons, False)


def test_a_run_knows_its_numbers(trained: Path) -> None:
    assert numbers.of(RunFolder.open(trained)) == KNOWN
    assert numbers.network(RunFolder.open(trained)) == {
        name: KNOWN[name] for name in numbers.NETWORK
    }


def test_enter_takes_what_the_file_says() -> None:
    person = Person("")
    assert numbers.compare(person.talk, numbers.AUTOENCODER[1], KNOWN) == KNOWN
    assert "convolution layers 4, filter size 3, filters 4, epochs 2, batch size 64" in person.text


def test_the_answers_of_the_original_are_taken_and_disagreement_is_told() -> None:
    person = Person("4", "5", "4", "2", "32")
    assert numbers.compare(person.talk, numbers.AUTOENCODER[1], KNOWN) == KNOWN
    told = [line for line in person.heard if line.startswith("You say")]
    assert told == [
        "You say filter size 5, the file 3: the file is right.",
        "You say batch size 32, the file 64: the file is right.",
    ]


def test_what_a_file_does_not_know_is_taken_from_the_answers() -> None:
    person = Person("4", "3", "4", "7", "8")
    known = {name: KNOWN[name] for name in numbers.NETWORK}
    asked = numbers.compare(person.talk, numbers.AUTOENCODER[1], known)
    assert asked == {**known, "epochs": 7, "batch_size": 8}


def test_a_file_may_know_nothing() -> None:
    person = Person("")
    assert numbers.compare(person.talk, numbers.CLASSIFIER[1], {}) == {}
    assert "nothing of its hyper-parameters" in person.text
