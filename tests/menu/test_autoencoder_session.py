"""The reports' autoencoder, held by a script."""

from __future__ import annotations

import json
import os
import shlex
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from menu_tiny import QUICK, SMALL, Answer, Person, ctrl_c, latens, session, write_digits

import latens as library
from latens.errors import Interrupted
from latens.menu.autoencoder import Autoencoder
from latens.menu.session import Nobody, Session
from latens.report.table_csv import read_csv
from latens.runs.folder import RunFolder

SPEC = "spec.json"


def hold(*answers: Answer, report: int = 1, pages: bool = False) -> tuple[Person, Session]:
    person = Person(*answers)
    sitting = session(person, "train.dat")
    sitting.options["report"] = pages
    sitting.split["test_fraction"] = 0
    Autoencoder(sitting, report).hold()
    return person, sitting


def test_from_the_first_question_to_a_saved_model(here: Path) -> None:
    person, sitting = hold(*SMALL, "1", "2", "3", "8", "1", "64", "2", "5", "3", "", "3", "out/ae")
    first, last = sitting.models
    assert [m.numbers["filters"] for m in sitting.models] == [4, 8]
    assert "Expected a whole number from 1 to 4; got '5'." in person.text
    saved, run = RunFolder.open("out/ae"), RunFolder.open(last.run)
    assert saved.spec() == run.spec() and saved.finished
    assert library.load("out/ae").reconstruct("train.dat").shape == (300, 1, 8, 8)
    assert f"  {first.name}: {first.run}" in person.text
    assert sitting.following == "", "nothing tells which labels these images have"
    assert not list(here.glob("out/.*"))


def test_all_images_train_or_validate(here: Path) -> None:
    """The reports' autoencoder has a training set alone; a set with a test part keeps that."""
    _, sitting = hold(*SMALL)
    parts = RunFolder.open(sitting.models[0].run).split()
    assert (len(parts["test"]), len(parts["train"]) + len(parts["val"])) == (0, 300)


def test_plots_of_the_last_model_and_of_all(here: Path) -> None:
    person, sitting = hold(*SMALL, "1", *SMALL[:3], "2", "16", "2", pages=True)
    listed = person.text.partition("Plots:")[2].splitlines()
    shown = [Path(line.strip()) for line in listed if line.startswith("  ")]
    assert shown and all(file.is_file() for file in shown[:-2])  # the last two are the models
    assert sitting.models[1].run / "report" / "training-loss.png" in shown
    assert {"parallel.html", "parallel.png"} <= {file.name for file in shown}
    table = read_csv(next(file for file in shown if file.suffix == ".csv"))
    assert table.values("epochs") == [1, 2]
    assert table.column("val_mse").goal == "minimize"


def test_a_single_model_is_not_set_side_by_side_with_others(here: Path) -> None:
    person, sitting = hold(*SMALL, "2", pages=True)
    assert "training-loss.png" in person.text and "with the second model" in person.text
    drawn = sitting.folder / "plots" / "autoencoders"
    assert [file.name for file in drawn.iterdir()] == ["models.csv"]


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ({"train-images-idx3-ubyte": "train.dat"}, ""),
        ({"train-images-idx3-ubyte": "train.dat", "train-labels-idx1-ubyte": "train.lab"},
         "-d mnist/train-images-idx3-ubyte -dl mnist/train-labels-idx1-ubyte"),
        ({"train-images-idx3-ubyte": "train.dat", "train-labels-idx1-ubyte": "train.lab",
          "t10k-images-idx3-ubyte": "test.dat", "t10k-labels-idx1-ubyte": "test.lab"},
         "-d mnist"),
    ],
)  # fmt: skip
def test_the_next_command_names_the_labels(here: Path, files: dict[str, str], options: str) -> None:
    (here / "mnist").mkdir()
    for name, source in files.items():
        (here / "mnist" / name).write_bytes((here / source).read_bytes())
    sitting = session(Person(*SMALL, "3", "ae"), "mnist/train-images-idx3-ubyte")
    Autoencoder(sitting).hold()
    wanted = f"latens classification {options} -model ae" if options else ""
    assert sitting.following == wanted


def test_advice_has_no_flags_for_what_is_asked(here: Path) -> None:
    person, _ = hold(*SMALL)
    assert "Train longer (3 epochs)" in person.text and "(--" not in person.text


def test_report_2_asks_in_its_order(here: Path) -> None:
    _, sitting = hold("1", "32", "4", "4", "3 x 3", report=2)
    assert sitting.models[0].numbers == {
        "conv_layers": 4, "kernel_size": 3, "filters": 4, "epochs": 1, "batch_size": 32
    }  # fmt: skip


def test_a_loaded_model_keeps_its_numbers(here: Path, trained: Path) -> None:
    answers = ("4", "3", "4", "9", "64")
    person, sitting = hold(*SMALL, "4", "nothing", "train.dat", str(trained), *answers, "2")
    assert "there is nothing" in person.text and "it is another file" in person.text
    assert "You say epochs 9, the file 2: the file is right." in person.text
    model = sitting.models[1]
    assert (model.run, model.numbers["epochs"]) == (trained, 2)
    stored = RunFolder.open(trained).result("reconstruction")[0]["mse"]
    assert model.scores["val_mse"] == pytest.approx(stored, rel=1e-4)


def test_a_keras_file_is_written_and_read_again(here: Path) -> None:
    person, sitting = hold(*SMALL, "4", "none.h5", "", "3", "ae.h5")
    assert (here / "ae.h5").is_file()
    person, again = hold(*SMALL, "4", "ae.h5", *SMALL, "2")
    assert "You say" not in person.text
    ours, theirs = sitting.models[0], again.models[1]
    assert theirs.scores["val_mse"] == pytest.approx(ours.scores["val_mse"], rel=1e-3)
    assert theirs.numbers == ours.numbers


def test_a_path_that_is_taken_is_asked_for_again(here: Path, trained: Path) -> None:
    person, _ = hold(*SMALL, "3", "train.dat", str(trained), "fresh")
    assert person.text.count("exists already") == 2
    assert RunFolder.open("fresh").finished


def test_a_classifier_is_no_autoencoder(here: Path, classifier: Path) -> None:
    person, _ = hold(*SMALL, "4", str(classifier), "")
    assert "Expected an autoencoder's run" in person.text


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory")])
def test_a_network_that_does_not_fit_is_asked_for_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from latens.app import pretrain as app

    real, calls = app.pretrain, []

    def once(*args: object, **kwargs: object) -> object:
        calls.append(args)
        if len(calls) == 1:
            raise error
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(app, "pretrain", once)
    person, sitting = hold(*SMALL, *SMALL)
    assert "Expected enough memory" in person.text
    assert len(sitting.models) == 1


def test_our_own_mistakes_are_not_taken_for_the_users(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from latens.app import pretrain as app

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("sizes differ")

    monkeypatch.setattr(app, "pretrain", broken)
    with pytest.raises(RuntimeError, match="sizes differ"):
        hold(*SMALL)


@pytest.mark.parametrize("answers", [(), SMALL[:3], (*SMALL, "1", "2"), (*SMALL, "4")])
def test_the_end_of_input_ends_it(here: Path, answers: tuple[str, ...]) -> None:
    person, sitting = hold(*answers)
    assert "End of input." in person.text
    for model in sitting.models:
        assert f"{model.name}: {model.run}" in person.heard[-1]


def test_ctrl_c_at_a_question(here: Path) -> None:
    with pytest.raises(Interrupted, match="Everything trained so far is kept"):
        hold(*SMALL, ctrl_c)
    assert RunFolder.open("runs/here/model-1").finished


def test_ctrl_c_while_training_leaves_a_run_that_goes_on(here: Path) -> None:
    class Impatient(Nobody):
        @staticmethod
        def observer(record: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    @contextmanager
    def working():  # type: ignore[no-untyped-def]
        yield Impatient()

    person = Person(*SMALL[:3], "50", "32")
    sitting = Session(person.talk, "train.dat", Path("runs/here"), dict(QUICK), working=working)
    with pytest.raises(Interrupted):
        Autoencoder(sitting).hold()
    command = shlex.split(person.heard[-1].partition("go on with: ")[2])
    assert command == ["latens", "pretrain", "--resume", "runs/here/model-1"]
    assert RunFolder.open("runs/here/model-1").state == "unfinished"
    assert Autoencoder(session(Person(), "train.dat")).session.free().name == "model-2"


def test_the_plain_command_makes_the_same_run(here: Path) -> None:
    person = Person(*SMALL)
    sitting = session(person, "train.dat")
    sitting.split["test_fraction"] = 0
    sitting.options.update(noise=[{"name": "gaussian", "strength": [0.1, 0.3]}], seed=3)
    Autoencoder(sitting).hold()
    line = next(line for line in person.heard if line.startswith("The same without"))
    command = shlex.split(line.partition(": ")[2])
    code, _, err = latens(*command[1:], "--out", "again")
    assert code == 0, err
    spec = json.loads((sitting.models[0].run / SPEC).read_text())
    assert json.loads(Path("again", SPEC).read_text()) == spec


def test_models_of_one_name_are_told_apart(here: Path, trained: Path) -> None:
    _, sitting = hold(*SMALL, "4", str(trained), "", "4", str(trained), "")
    assert len({model.name for model in sitting.models}) == 3


def test_an_official_test_part_is_left_alone(tmp_path: Path) -> None:
    write_digits(tmp_path)
    data = ",".join(str(tmp_path / f) for f in ("train.dat", "train.lab", "test.dat", "test.lab"))
    sitting = session(Person(*SMALL), data, tmp_path / "runs")
    Autoencoder(sitting).hold()
    assert len(RunFolder.open(sitting.models[0].run).split()["test"]) == 60
