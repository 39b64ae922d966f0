"""The test part is read by an evaluation and by nothing else.

Poisoning it (other pixels, other labels) must not move one bit of a training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from app_tiny import CLASSIFY, PRETRAIN, digits, poisoned, records, same, weights

import latens
from latens.runs.folder import RunFolder

TOLD = ("run", "page", "train_seconds", "images_per_second", "findings")


def numbers(result: Any) -> dict[str, Any]:
    """What a result says apart from places and times."""
    return {key: value for key, value in result.to_dict().items() if key not in TOLD}


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> latens.PretrainResult:
    out = tmp_path_factory.mktemp("poisoned") / "ae"
    return latens.pretrain(poisoned(), out=out, report=False, **PRETRAIN)


def test_the_poison_is_real() -> None:
    clean, other = digits(), poisoned()
    assert clean.fingerprint != other.fingerprint
    assert (clean.images[: clean.train_count] == other.images[: clean.train_count]).all()
    assert clean.labels is not None and other.labels is not None
    assert (clean.labels[clean.train_count :] != other.labels[clean.train_count :]).any()


def test_pretraining(pretrained: latens.PretrainResult, blind: latens.PretrainResult) -> None:
    assert same(weights(pretrained.run), weights(blind.run))
    assert records(pretrained.run) == records(blind.run)
    assert numbers(pretrained) == numbers(blind)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": 60, "mode": "two-phase"},
        {"labels": 60, "mode": "frozen"},
        {"mode": "scratch"},
        {"mode": "fine-tune", "early_stopping": 1, "epochs": 12, "learning_rate": 0.1},
    ],
    ids=lambda options: options["mode"],
)
def test_classifying(
    options: dict[str, Any],
    tmp_path: Path,
    pretrained: latens.PretrainResult,
    blind: latens.PretrainResult,
) -> None:
    settings = {**CLASSIFY, **options}
    found = [
        latens.classify(
            images, encoder=encoder.run, out=tmp_path / encoder.run[-12:-3].strip("/"),
            report=False, **settings,
        )
        for images, encoder in ((digits(), pretrained), (poisoned(), blind))
    ]  # fmt: skip
    assert same(weights(found[0].run), weights(found[1].run))
    assert records(found[0].run) == records(found[1].run)
    assert numbers(found[0]) == numbers(found[1])
    if options["mode"] == "fine-tune":
        assert found[0].epochs < 12, "early stopping was not tried"


def test_an_evaluation_does_read_it(
    classified: latens.ClassifyResult, evaluated: latens.Evaluation, tmp_path: Path,
    blind: latens.PretrainResult,
) -> None:  # fmt: skip
    other = latens.classify(
        poisoned(), encoder=blind.run, labels=60, out=tmp_path / "clf", report=False, **CLASSIFY
    )
    assert same(weights(classified.run), weights(other.run))
    found = latens.evaluate(other.run, poisoned())
    assert isinstance(found, latens.Evaluation)
    assert found.loss != evaluated.loss
    assert found.confusion != evaluated.confusion


def test_an_unread_test_part_leaves_no_result(tmp_path: Path) -> None:
    trained = latens.classify(digits(), labels=30, out=tmp_path / "clf", report=False, **CLASSIFY)
    assert RunFolder.open(trained.run).results() == ["findings", "training"]


def test_comparing(compared: latens.Comparison, tmp_path: Path) -> None:
    other = latens.compare(
        poisoned(), labels=[20], modes=["two-phase"], seeds=2, out=tmp_path / "cmp",
        pretrain_options=PRETRAIN, classify_options=CLASSIFY,
    )  # fmt: skip
    runs = sorted(path.name for path in (tmp_path / "cmp" / "runs").iterdir())
    assert len(runs) == 2 * (1 + 2)
    for name in runs:
        clean = Path(compared.run) / "runs" / name
        assert same(weights(clean), weights(tmp_path / "cmp" / "runs" / name)), name
    accuracies = {
        (arm["mode"], arm["labels"]): arm["accuracies"]
        for result in (compared, other)
        for arm in result.arms
    }
    clean_arm = next(a for a in compared.arms if (a["mode"], a["labels"]) == ("two-phase", 20))
    assert accuracies["two-phase", 20] != clean_arm["accuracies"], "the poison did nothing"
