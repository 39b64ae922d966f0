"""Flags made from the table of options: all are there, and what is typed reaches the spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from cli_tiny import QUICK, latens

from latens.app import settings
from latens.cli.main import app
from latens.cli.options import without_bare_augment
from latens.runs.folder import RunFolder

COMMANDS: Any = typer.main.get_command(app)
BUNDLES = {
    "pretrain": settings.PretrainOptions,
    "classify": settings.ClassifyOptions,
    "compare": settings.CompareOptions,
}


@pytest.mark.parametrize("command", BUNDLES)
def test_every_option_has_its_flag(command: str) -> None:
    flags = {flag for p in COMMANDS.commands[command].params for flag in p.opts}
    table = settings.table(BUNDLES[command])
    assert {settings.flag(name, setting) for name, (_, setting) in table.items()} <= flags
    assert "--no-augment" in flags


def spec(here: Path, tmp_path: Path, *arguments: str) -> dict[str, Any]:
    done = latens(*arguments, "--out", tmp_path / "run", "--epochs", "1", "--threads", "1")
    assert done.code == 0, done.err
    return RunFolder.open(tmp_path / "run").spec()


def test_what_is_typed_reaches_the_spec(here: Path, tmp_path: Path) -> None:
    found = spec(
        here, tmp_path, "pretrain", "data.npz", "--noise", "gaussian=0.3", "--noise",
        "salt-pepper=0..0.5", "--augment", "flip,affine=0.5", "--l2", "0.001", "--network", "mlp",
        "--hidden", "16,8", "--tied", "--average", "0.9", "--keep-weights", "last",
        "--double-batch-every", "2",
    )  # fmt: skip
    assert found["objective"]["corruptions"] == [
        {"name": "gaussian", "strength": 0.3}, {"name": "salt-pepper", "strength": [0.0, 0.5]},
    ]  # fmt: skip
    assert [a["strength"] for a in found["train"]["augment"]] == [1.0, 0.5]
    assert found["phases"][0]["l2"] == 0.001
    assert found["encoder"]["hidden"] == [16, 8] and found["encoder"]["tied"] is True
    assert (found["train"]["average"], found["train"]["keep"]) == (0.9, "last")
    assert found["train"]["double_batch_every"] == 2


@pytest.mark.parametrize(
    ("flags", "names"),
    [([], ["affine"]), (["--no-augment"], []), (["--augment", "none"], []),
     (["--augment"], ["affine"]), (["--augment", "flip"], ["flip"])],
)  # fmt: skip
def test_augmentation_of_a_classifier(
    here: Path, tmp_path: Path, flags: list[str], names: list[str]
) -> None:
    found = spec(here, tmp_path, "classify", "data.npz", "--hidden", "8", *flags)
    assert [a["name"] for a in found["train"]["augment"]] == names


def test_both_flags_of_augmentation_are_too_many(here: Path) -> None:
    done = latens("classify", "data.npz", "--augment", "flip", *QUICK, "--json")
    assert done.code == 2 and done.document["error"]["code"] == "without-effect"


def test_a_bare_augment_is_left_out_of_commands_that_augment_anyway() -> None:
    assert without_bare_augment(["classify", "--augment", "--json"]) == ["classify", "--json"]
    assert without_bare_augment(["compare", "x", "--augment"]) == ["compare", "x"]
    for arguments in (["pretrain", "--augment"], ["classify", "--augment", "flip"], []):
        assert without_bare_augment(arguments) == arguments


def test_a_comparison_takes_the_training_flags(here: Path, tmp_path: Path) -> None:
    done = latens(
        "compare", "data.npz", "--labels", "20", "--modes", "frozen", "--seeds", "2", "--seed",
        "3", "--objective", "masked", "--mask-patch", "2", "--epochs", "1", "--pretrain-epochs",
        "1", "--filters", "4", "--conv-layers", "4", "--batch-size", "64", "--learning-rate",
        "0.01", "--set", "encoder.up=transposed", "--threads", "1", "--out", tmp_path / "cmp",
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "300 images of 8x8" in done.err, "said before training"
    run = RunFolder.open(tmp_path / "cmp" / "runs" / "frozen-20-seed4").spec()
    assert run["encoder"]["up"] == "transposed" and run["phases"][0]["learning_rate"] == 0.01
    resumed = latens("compare", "--resume", tmp_path / "cmp", "--json")
    assert resumed.document["comparisons"] == done.document["comparisons"]
