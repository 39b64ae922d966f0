"""`latens parallel`: from a CSV file to a page, in one document and in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_tiny import latens

ROWS = "uid,from_uid,lr,filters,loss,accuracy,note\na,,0.1,8,0.5,0.9,x\nb,a,0.001,16,0.2,0.95,\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my trials.csv").write_text(ROWS)
    return Path("my trials.csv")


def test_the_page_lies_beside_the_table(file: Path) -> None:
    done = latens("parallel", file)
    assert done.code == 0 and Path("my trials.html").is_file()
    assert "2 trials, 3 parameters, judged by loss (minimize)" in done.out
    assert "Page: my trials.html" in done.out and "Next: python -m webbrowser file:///" in done.out


def test_metrics_and_log_axes_can_be_said(file: Path) -> None:
    said = ["--metric", "accuracy:max", "--metric", "lr", "--log", "filters", "--title", "Mine"]
    done = latens("parallel", file, *said, "--out", "new/p.html", "--figures", "png", "--json")
    assert done.document["score"] == "accuracy" and done.document["goal"] == "maximize"
    assert done.document["metrics"] == ["lr", "accuracy"]
    assert done.document["parameters"] == ["filters", "loss", "note"]
    assert (
        done.document["page"] == "new/p.html"
        and "<title>Mine</title>" in Path("new/p.html").read_text()
    )
    assert {Path(path).name for path in done.document["figures"]} == {
        "parallel.png", "matrix.png", "history.png",
    }  # fmt: skip


def test_a_folder_takes_the_page(file: Path) -> None:
    Path("pages").mkdir()
    assert latens("parallel", file, "--out", "pages").code == 0
    assert Path("pages/my trials.html").is_file()


def test_a_name_may_hold_a_colon(file: Path) -> None:
    file.write_text("loss:train,lr\n1,2\n2,3\n")
    assert latens("parallel", file, "--metric", "loss:train", "--json").document["score"] == (
        "loss:train"
    )
    assert "Did you mean loss:train" in latens("parallel", file, "--metric", "los:train").err


def test_what_was_renamed_is_told(file: Path) -> None:
    file.write_text("loss,loss\n1,2\n")
    assert "one is called loss (2) here" in latens("parallel", file).out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Expected FILE.csv; got none"),
        (["none.csv"], 3, "nothing is there"),
        (["my trials.csv", "--metric", "los"], 2, "Did you mean loss"),
        (["my trials.csv", "--metric", "acuracy:mx"], 2, "min or max after acuracy:; got mx"),
        (["my trials.csv", "--metric", "loss:"], 2, "min or max after loss:; got nothing"),
        (["my trials.csv", "--metric", "note"], 2, "note, which holds text"),
        (["my trials.csv", "--log", "note"], 2, "note, which holds text"),
        (["my trials.csv", "--out", "my trials.csv"], 2, "another file than the table"),
        (["my trials.csv", "--out", "my trials.csv/p.html"], 5, "a file is there or above it"),
    ],
)
def test_mistakes(file: Path, arguments: list[str], code: int, words: str) -> None:
    done = latens("parallel", *arguments)
    assert (done.code, done.out) == (code, "") and words in done.err
    assert file.read_text() == ROWS and not Path("my trials.html").exists()
