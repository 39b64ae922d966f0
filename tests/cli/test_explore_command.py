"""`latens explore`: what it says, draws and refuses, typed as a person would."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cli_tiny import latens


def test_noise_is_told_drawn_and_followed_by_a_command(runs: Path) -> None:
    done = latens("explore", "runs/clf", "noise", "--levels", "0,0.4", "--denoiser", "runs/ae")
    assert done.code == 0, done.err
    assert "salt-pepper of strength 0.4" in done.out and "clf behind ae" in done.out
    page = Path("runs/clf/report/index.html").read_text("utf-8")
    assert "Accuracy under noise (validation images)" in page
    assert 'alt="noise: accuracy"' in page
    (following,) = [line for line in done.out.splitlines() if line.startswith("Next: ")]
    assert shlex.split(following)[1:] == ["latens", "explore", "runs/clf", "maps"]


def test_json_has_the_numbers_and_test_stands_apart(runs: Path) -> None:
    done = latens(
        "explore", "runs/ae", "anomaly", "--normal", "0,1,2,3", "--false-alarms", "0.5", "--part",
        "test", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.document["result"] == "anomaly-test" and done.document["part"] == "test"
    assert done.document["numbers"]["normal"] == ["0", "1", "2", "3"]
    assert "anomalies-seen" in done.err, "an autoencoder that has seen them all"
    assert Path("runs/ae/results/anomaly-test.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/clf", "samples", "--classifier", "runs/clf"], "Expected a variational autoencoder"),
        (["runs/clf", "dreams"], "for WHAT"),
        (["runs/clf", "noise", "--levels", "much"], "from 0 to 1"),
        (["runs/clf", "maps", "--denoiser", "runs/ae"], "--denoiser"),
        (["runs/clf", "noise", "--part", "train"], "for --part"),
        (["runs/clf", "maps", "--count", "0"], "--count"),
    ],
)
def test_refusals(runs: Path, arguments: list[str], words: str) -> None:
    done = latens("explore", *arguments)
    assert done.code == 2 and words in done.err and "Try:" in done.err
    assert "Traceback" not in done.err


def test_images_from_a_program_are_given_again(runs: Path) -> None:
    done = latens("explore", "runs/ae", "maps", "--method", "pca", "--data", "other.npz")
    assert done.code == 4 and "fingerprint" in done.err
