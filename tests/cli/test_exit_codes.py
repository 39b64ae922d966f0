"""Every failure: its exit code, one sentence and a mend, and nothing on disk that moved."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest
from cli_tiny import NETWORK, QUICK, Done, files, latens

from latens.errors import Interrupted, LatensError

USAGE: dict[str, tuple[list[str], str]] = {
    "unknown flag": (["pretrain", "data.npz", "--loud"], "got --loud"),
    "near flag": (["pretrain", "data.npz", "--epoch", "3"], "Did you mean --epochs"),
    "flag from elsewhere": (["pretrain", "data.npz", "--lr", "1"], "Did you mean --learning-rate"),
    "unknown command": (["pretrian", "data.npz"], "Did you mean pretrain"),
    "unknown subcommand": (["runs", "lst"], "Did you mean list"),
    "unknown value": (["pretrain", "data.npz", "--loss", "mes"], "Did you mean mse"),
    "unknown mode": (["classify", "data.npz", "--mode", "frosen"], "Did you mean frozen"),
    "unknown modes": (["compare", "data.npz", "--modes", "frosen"], "Did you mean frozen"),
    "unknown data": (["pretrain", "digts"], "Did you mean digits"),
    "unknown class": (["pretrain", "data.npz", "--keep", "33=4"], "(0, 1, 2"),
    "bad keep": (["pretrain", "data.npz", "--keep", "3"], "CLASS=COUNT"),
    "no number": (["pretrain", "data.npz", "--epochs", "few"], "whole number for --epochs"),
    "too low": (["pretrain", "data.npz", "--epochs", "0"], "at least 1 for --epochs; got '0'"),
    "too low with =": (["pretrain", "data.npz", "--epochs=0"], "got '0'"),
    "bad size": (["pretrain", "data.npz", "--size", "8by8"], "28x28"),
    "bad labels": (["classify", "data.npz", "--labels", "some"], "or 'all'"),
    "too many labels": (["classify", "data.npz", "--labels", "999"], "--labels all"),
    "bad widths": (["classify", "data.npz", "--hidden", "a,b"], "separated by commas"),
    "no data": (["pretrain"], "latens data list"),
    "no data to compare": (["compare", "--labels", "20"], "latens data list"),
    "no run": (["evaluate"], "Expected RUN; got none"),
    "no files": (["predict", "runs/clf"], "Expected FILE...; got none"),
    "no encoder": (["classify", "data.npz", "--mode", "frozen"], "--encoder RUN"),
    "no field": (["pretrain", "data.npz", "--set", "encoder.upp=1"], "encoder.upp"),
    "no equals sign": (["pretrain", "data.npz", "--set", "encoder.up"], "FIELD=VALUE"),
    "bad field": (["pretrain", "data.npz", "--set", "encoder.up=left"],
                  "Expected 'nearest' or 'transposed' for encoder.up; got 'left'"),
    "bad field of a phase": (["pretrain", "data.npz", "--set=phases.epochs=many"],
                             "Expected a whole number for phases.epochs; got 'many'"),
    "bad fraction": (["pretrain", "data.npz", "--val-fraction", "1.5"],
                     "below 1 for --val-fraction; got 1.5"),
    "rate of zero": (["classify", "data.npz", "--learning-rate", "0"],
                     "above 0 for --learning-rate; got 0.0"),
    "no such device": (["pretrain", "data.npz", "--device", "abacus"], "abacus"),
    "without effect": (["pretrain", "data.npz", "--network", "mlp", "--filters", "3"],
                       "got --filters"),
    "beside resume": (["pretrain", "--resume", "runs/ae", "--epochs", "9"], "got --epochs"),
    "classifier as encoder": (["classify", "data.npz", "--encoder", "runs/clf"],
                              "a classifier's run"),
    "autoencoder predicts": (["predict", "runs/ae", "pictures"], "an autoencoder's run"),
    "one seed": (["compare", "data.npz", "--seeds", "1"], "--seeds"),
}  # fmt: skip
DATA: dict[str, tuple[list[str], str]] = {
    "missing path": (["pretrain", "./none"], "there is no ./none"),
    "nearly a path": (["pretrain", "./bda"], "Did you mean bad?"),
    "missing folder": (["pretrain", "badly/more/x.npz"], "nor a folder badly in this folder"),
    "garbage as npz": (["pretrain", "bad/garbage.npz"], "of another kind, cut off or damaged"),
    "objects": (["pretrain", "bad/objects.npy"], "holds Python objects"),
    "not finite": (["pretrain", "bad/nan.npy"], "1 value of NaN or infinity"),
    "truncated": (["pretrain", "bad/truncated-images-idx3-ubyte"], "bytes"),
    "labels as images": (["pretrain", "bad/labels-idx1-ubyte"], "label"),
    "half a gzip": (["pretrain", "bad/half.gz"], "half.gz"),
    "not a format": (["pretrain", "bad/letter.txt"], "Known are"),
    "one picture": (["data", "check", "pictures/1/1.png"], "a folder of them"),
    "no images": (["data", "check", "bad/empty"], "is an empty folder"),
    "one class": (["classify", "one-class.npz"], "two classes"),
    "one class to compare": (["compare", "one-class.npz"], "two classes"),
    "no picture": (["predict", "runs/clf", "bad/letter.png"], "letter.png"),
    "missing picture": (["predict", "runs/clf", "none.png"], "none.png"),
}
RUN: dict[str, tuple[list[str], str]] = {
    "missing": (["evaluate", "runs/none"], "latens runs list"),
    "missing to resume": (["pretrain", "--resume", "runs/none"], "none at runs/none"),
    "missing comparison": (["compare", "--resume", "runs/none"], "none at runs/none"),
    "exists": (["pretrain", "data.npz", "--out", "runs/ae"], "--resume runs/ae"),
    "exists to compare": (["compare", "data.npz", "--out", "runs/ae"], "runs/ae"),
    "is here": (["pretrain", "data.npz", "--out", "."], "the one that you are in"),
    "is a file": (["pretrain", "data.npz", "--out", "data.npz"], "data.npz"),
    "half written": (["evaluate", "damaged/half"], "no spec.json"),
    "damaged spec": (["evaluate", "damaged/spec"], "spec.json"),
    "damaged split": (["evaluate", "damaged/split"], "split.npz"),
    "damaged weights": (["evaluate", "damaged/weights"], "readable weights"),
    "damaged weights predict": (["predict", "damaged/weights", "pictures"], "readable weights"),
    "newer": (["evaluate", "damaged/newer"], "Upgrade latens"),
    "unfinished": (["evaluate", "damaged/unfinished"],
                   "latens classify --resume damaged/unfinished"),
    "other data": (["evaluate", "runs/clf", "--data", "other.npz"], "fingerprint"),
    "other data resumed": (["pretrain", "other.npz", "--resume", "runs/ae"], "fingerprint"),
    "not a run to remove": (["runs", "rm", "pictures", "--yes"], "no spec.json"),
    "another question": (["compare", "data.npz", "--resume", "runs/cmp", "--seeds", "3"],
                         "latens compare --resume runs/cmp"),
}  # fmt: skip
ALL = [
    pytest.param(kind, *case, id=f"{kind}-{name}")
    for kind, cases in ((2, USAGE), (3, DATA), (4, RUN))
    for name, case in cases.items()
]


@pytest.mark.parametrize(("code", "arguments", "words"), ALL)
def test_failures(runs: Path, damaged: Path, code: int, arguments: list[str], words: str) -> None:
    before = files(runs)
    told, document = latens(*arguments), latens(*arguments, "--json")
    assert files(runs) == before
    assert told.code == document.code == code
    assert words in " ".join(told.err.split()), told.err
    assert told.err.startswith("Error: Expected") and "Traceback" not in told.err
    error = document.document["error"]
    assert error["message"].startswith("Expected")
    assert error["message"].partition("<_io")[0] in told.err
    assert error["hint"], error


def train(folder: Path, *more: str) -> Done:
    out = ("--out", str(folder))
    return latens("pretrain", "data.npz", *out, "--epochs", "4", *NETWORK, *more)


def test_a_loss_that_is_not_finite(runs: Path, tmp_path: Path) -> None:
    before = files(runs)
    done = train(tmp_path / "ae", "--learning-rate", "1e30", "--optimizer", "sgd", "--json")
    assert done.code == 5
    assert done.document["error"]["code"] == "not-finite"
    assert "--learning-rate" in done.document["error"]["hint"]
    assert files(runs) == before


@pytest.mark.parametrize("write", [0, 3, 5, 7])
def test_a_full_disk(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """The disk is full from a certain file on; the next training goes on once there is room."""
    from latens.runs import atomic

    real, left = atomic.os.fsync, [write]

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    before = files(runs)
    with monkeypatch.context() as patched:
        patched.setattr(atomic.os, "fsync", full)
        done = train(tmp_path / "ae", "--json")
    assert done.code == 5, done.err
    assert done.document["error"]["code"] == "disk-full"
    assert files(runs) == before
    assert not list(tmp_path.rglob("*.tmp")), "something half written was left"
    run = tmp_path / "ae"
    again = latens("pretrain", "--resume", run) if run.exists() else train(run)
    assert again.code == 0, again.err


def test_a_full_disk_while_drawing(
    runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from latens.report import build

    def full(*args: Any, **kwargs: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    shutil.copytree("runs/ae", tmp_path / "ae")
    monkeypatch.setattr(build.figures, "save", full)
    done = latens("report", tmp_path / "ae", "--json")
    assert done.code == 5 and done.document["error"]["code"] == "disk-full"


class Oops(Exception):
    """A mistake of ours."""


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make `latens runs list` raise something."""
    from latens.app import runs as app

    def set_(error: BaseException) -> None:
        def fail(root: Path) -> NoReturn:
            raise error

        monkeypatch.setattr(app, "list_runs", fail)

    return set_


def test_our_own_mistakes_are_said_to_be_ours(broken: Any) -> None:
    broken(Oops("seven"))
    done = latens("runs", "list")
    assert done.code == 1
    assert "not your mistake" in done.err and "seven" in done.err and "--debug" in done.err
    assert "Traceback" not in done.err
    assert latens("runs", "list", "--json").document["error"]["code"] == "internal"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback(broken: Any, place: int) -> None:
    broken(Oops("seven"))
    arguments = ["runs", "list"]
    arguments.insert(place, "--debug")
    done = latens(*arguments)
    assert done.code == 1
    assert "Traceback" in done.err and "Oops" in done.err
    assert "Error:" in done.err


def test_debug_for_a_mistake_of_the_user(here: Path) -> None:
    done = latens("pretrain", "./none", "--debug", "--json")
    assert done.code == 3
    assert "Traceback" in done.err
    assert done.document["error"]["code"]


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "secret"), 4, "secret"),
        (OSError(errno.ENOSPC, "No space left on device"), 5, "full"),
        (KeyboardInterrupt(), 130, "Stopped"),
        (Interrupted("Stopped.", hint="Go on."), 130, "Go on"),
        (LatensError("Expected this; got that.", hint="Mend it."), 1, "Mend it"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_the_system_refuses(broken: Any, error: BaseException, code: int, word: str) -> None:
    broken(error)
    told, document = latens("runs", "list"), latens("runs", "list", "--json")
    assert told.code == document.code == code
    assert word in told.err
    assert set(document.document["error"]) == {"code", "message", "hint"}


def test_markup_in_a_message_is_shown_as_it_is(here: Path) -> None:
    done = latens("evaluate", "runs/[red]x[/red]")
    assert "runs/[red]x[/red]" in done.err


def test_an_interrupted_classifier_goes_on(runs: Path, tmp_path: Path) -> None:
    from latens.app import classify as app

    class Killed(Exception):
        pass

    def killed(record: Any) -> NoReturn:
        raise Killed

    with pytest.raises(Killed):
        app.classify("data.npz", out=tmp_path / "clf", epochs=3, threads=1, observers=[killed],
                     batch_size=32, hidden=(8,), augment=False)  # fmt: skip
    assert latens("evaluate", tmp_path / "clf").code == 4
    assert latens("classify", "--resume", tmp_path / "clf").code == 0
    straight = latens("classify", "data.npz", "--out", tmp_path / "straight", *QUICK, "--json")
    resumed = latens("classify", "--resume", tmp_path / "clf", "--json")
    assert resumed.document["val_accuracy"] == straight.document["val_accuracy"]
