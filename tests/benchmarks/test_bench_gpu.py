"""The script for a GPU runs on a CPU, on sizes that mean nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import gpu
import write_performance


@pytest.mark.slow
def test_everything_but_the_gpu_is_tried(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    gpu.main(["--tiny", "--seeds", "1", "--out", str(out)])
    found = json.loads(out.read_text())
    assert [row["work"] for row in found["rows"]] == [
        "CAE-4, batch 4, against plain eager PyTorch", "digits classifier, 10%",
    ]  # fmt: skip
    assert found["rows"][0]["reached"] > 0
    assert found["rows"][1]["reached"] is not None
    assert "aten::" in out.with_suffix(".txt").read_text()
    assert "digits classifier" in write_performance.page(tmp_path)


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="Expected a GPU that torch can use; got none"):
        gpu.main([])


def test_what_fails_is_a_row_that_says_why() -> None:
    (row,) = gpu.tried("this", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    assert row["note"] == "ZeroDivisionError: division by zero"
    assert "reached" not in row


def test_airbench_gets_the_images_that_latens_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: dict[str, Any] = {}
    monkeypatch.setattr(torch, "save", lambda found, path: saved.update({path.name: found}))
    images = np.arange(6 * 3 * 2 * 2, dtype=np.uint8).reshape(6, 3, 2, 2)
    found = SimpleNamespace(
        images=images, labels=np.arange(6), class_names=("a", "b"), train_count=4
    )
    gpu._as_airbench_wants(found, np.array([2, 0]), tmp_path / "cifar10")
    train, test = saved["train.pt"], saved["test.pt"]
    assert train["labels"].tolist() == [2, 0]
    assert test["labels"].tolist() == [4, 5]
    assert train["images"].shape == (2, 2, 2, 3)
    assert train["images"][0, 1, 0].tolist() == images[2, :, 1, 0].tolist()
