"""One tiny pretraining, one classifier, one evaluation and one comparison, each made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from app_tiny import CLASSIFY, PRETRAIN, digits

import latens


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="session")
def pretrained(place: Path) -> latens.PretrainResult:
    return latens.pretrain(digits(), out=place / "ae", **PRETRAIN)


@pytest.fixture(scope="session")
def classified(place: Path, pretrained: latens.PretrainResult) -> latens.ClassifyResult:
    return latens.classify(
        digits(), encoder=pretrained.run, labels=60, out=place / "clf", **CLASSIFY
    )


@pytest.fixture(scope="session")
def evaluated(classified: latens.ClassifyResult) -> latens.Evaluation:
    found = latens.evaluate(classified.run, digits())
    assert isinstance(found, latens.Evaluation)
    return found


@pytest.fixture(scope="session")
def compared(place: Path) -> latens.Comparison:
    return latens.compare(
        digits(),
        labels=[20, 40],
        modes=["frozen", "two-phase"],
        seeds=2,
        out=place / "cmp",
        pretrain_options=PRETRAIN,
        classify_options=CLASSIFY,
    )
