"""A user's own pictures: of another size and mode than the run's images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_tiny import digits
from PIL import Image

import latens
from latens.errors import DataError


def picture(path: Path, number: int, mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Path:
    """One of the digits as a picture file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(digits().images[number, 0]).convert(mode).resize(size).save(path)
    return path


@pytest.mark.parametrize(
    ("mode", "size", "ending"),
    [("RGB", (40, 30), "png"), ("L", (8, 8), "png"), ("RGBA", (5, 9), "png"),
     ("1", (16, 16), "png"), ("RGB", (32, 32), "jpg")],
)  # fmt: skip
def test_any_size_and_mode(
    classified: latens.ClassifyResult, tmp_path: Path, mode: str, size: tuple[int, int],
    ending: str,
) -> None:  # fmt: skip
    (found,) = latens.predict(
        classified.run, [picture(tmp_path / f"digit.{ending}", 3, mode, size)]
    )
    assert found.file.endswith(f"digit.{ending}")
    assert list(found.probabilities) == list("0123456789")
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert found.confidence == max(found.probabilities.values())
    assert found.probabilities[found.label] == found.confidence


def test_a_picture_and_its_array_agree(classified: latens.ClassifyResult, tmp_path: Path) -> None:
    file = picture(tmp_path / "digit.png", 7, "L", (8, 8))
    (by_file,), (by_array,) = (
        latens.predict(classified.run, given) for given in ([file], digits().images[7:8])
    )
    assert by_file.probabilities == pytest.approx(by_array.probabilities, abs=1e-6)


def test_they_are_those_of_the_evaluation(
    classified: latens.ClassifyResult, evaluated: latens.Evaluation
) -> None:
    clean = digits()
    test = clean.images[clean.train_count :]
    labels = np.asarray(clean.labels)[clean.train_count :]
    found = latens.predict(classified.run, test)
    right = [p.label == clean.class_names[label] for p, label in zip(found, labels, strict=True)]
    assert np.mean(right) == pytest.approx(evaluated.accuracy)


def test_a_folder_is_walked_in_order(classified: latens.ClassifyResult, tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "deep/c.png"):
        picture(tmp_path / "more" / name, 1)
    (tmp_path / "more" / "notes.txt").write_text("no picture")
    (tmp_path / "more" / "._a.png").write_bytes(b"litter of a Mac")
    alone = picture(tmp_path / "z.png", 2)
    found = latens.predict(classified.run, [alone, tmp_path / "more"])
    names = [Path(p.file).relative_to(tmp_path).as_posix() for p in found]
    assert names == ["z.png", "more/a.png", "more/b.png", "more/deep/c.png"]


def test_the_others_are_classified_where_somebody_hears_of_the_bad_ones(
    classified: latens.ClassifyResult, tmp_path: Path
) -> None:
    files = [picture(tmp_path / f"{number}.png", number) for number in (1, 2)]
    bad = tmp_path / "letter.png"
    bad.write_text("Dear picture")
    heard: dict[str, str] = {}
    asked = [files[0], bad, files[1]]
    found = latens.predict(classified.run, asked, refused=heard.__setitem__)
    assert [p.file for p in found] == [str(file) for file in files]
    assert found == latens.predict(classified.run, files)
    assert list(heard) == [str(bad)] and heard[str(bad)]


def test_unreadable_pictures(classified: latens.ClassifyResult, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture(tmp_path / "whole.png", 1).read_bytes()[:60])
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.png").write_text("Dear picture")
    for given in ("broken.png", "letter.png", "empty", "nothing.png"):
        with pytest.raises(DataError) as caught:
            latens.predict(classified.run, [tmp_path / given])
        assert caught.value.hint, given
