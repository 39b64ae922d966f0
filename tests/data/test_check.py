"""What `check` finds, each thing in a set made to have it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latens.data.check import check
from latens.data.image_set import ImageSet
from latens.data.pack import pack
from latens.data.split import draw

RNG = np.random.default_rng(3)


def make(labels: list[int] | None, start: int | None = None, count: int = 12) -> ImageSet:
    images = RNG.integers(0, 256, (count, 1, 8, 8), np.uint8)
    numbers = None if labels is None else np.array(labels)
    names = () if labels is None else ("a", "b", "c")[: max(labels) + 1]
    return ImageSet(images, numbers, names, test_start=start)


def codes(images: ImageSet) -> set[str]:
    return {finding.code for finding in check(images).findings}


def test_a_good_set_has_no_finding_and_the_fixed_keys() -> None:
    report = check(make([0, 1] * 6, start=8))
    said = json.loads(json.dumps(report.to_dict()))
    assert (said["images"], said["size"], said["channels"]) == (12, [8, 8], 1)
    assert said["classes"] == {"a": 6, "b": 6} and said["findings"] == []
    assert said["test_given"] and said["test"] == {"a": 2, "b": 2}
    assert said["parts"] == {"train": 6, "val": 2, "test": 4}
    assert said["train"] == {"a": 3, "b": 3} and said["val"] == {"a": 1, "b": 1}
    assert said["memory"]["training"] > said["memory"]["images"] == 12 * 64


def test_the_parts_are_those_that_training_draws() -> None:
    images = make([0, 1] * 20, count=40)
    report, split = check(images), draw(images, seed=0)
    assert not report.test_given
    assert report.parts == {"train": len(split.train), "val": len(split.val), "test": 8}
    assert report.test == {"a": 4, "b": 4}


def test_a_class_that_is_too_small_to_divide() -> None:
    report = check(make([0] * 11 + [1]))
    assert report.parts == report.train == {} and report.classes == {"a": 11, "b": 1}
    first = report.findings[0]
    assert (first.code, first.severity) == ("cannot-split", "error") and "class b" in first.message


def test_counts_are_told_as_people_do() -> None:
    images = make([0, 1] * 6, start=8)
    images.images[2] = images.images[0]
    assert "1 image repeats an earlier one" in check(images).findings[0].message
    images.images[4] = images.images[0]
    assert "2 images repeat an earlier one" in check(images).findings[0].message


def test_duplicates_leaks_and_labels_that_disagree() -> None:
    images = make([0, 1] * 6, start=8)
    images.images[2] = images.images[0]
    assert codes(images) == {"duplicates"}
    images.images[3] = images.images[0]
    assert codes(images) == {"duplicates", "labels-disagree"}
    images.images[10] = images.images[0]
    assert codes(images) == {"duplicates", "labels-disagree", "leak"}


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (None, {"unlabelled"}),
        ([-1] * 12, {"unlabelled"}),
        ([0] * 12, {"single-class"}),
        ([0] * 9 + [1] * 3, {"imbalanced"}),
        ([0, 2] * 6, {"absent-class"}),
        ([0, 1] * 5 + [-1, -1], {"partly-labelled"}),
    ],
)
def test_labels(labels: list[int] | None, found: set[str]) -> None:
    assert codes(make(labels)) == found


def test_values() -> None:
    images = make([0, 1] * 6)
    images.images[5] = 7
    assert codes(images) == {"constant-images"}
    images.images[:] = RNG.integers(0, 2, images.images.shape)
    report = check(images)
    assert report.findings[0].code == "dark" and report.findings[0].severity == "error"


def test_pixels_that_changed_in_a_pack(tmp_path: Path) -> None:
    out = pack(make([0, 1] * 6), tmp_path / "x.pack")
    assert not check(out).findings
    content = bytearray((out / "images.npy").read_bytes())
    content[-1] ^= 1
    (out / "images.npy").write_bytes(content)
    assert [finding.code for finding in check(out).findings] == ["pack-damaged"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for index in range(20):
        values = RNG.integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(values).save(tmp_path / f"{index}.png")
    (tmp_path / "7.png").write_bytes(b"x")
    found = {finding.code: finding.message for finding in check(tmp_path).findings}
    assert "7.png" in found["corrupt-files"]
