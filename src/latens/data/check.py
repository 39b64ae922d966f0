"""Look at data before training on it: counts, damage, duplicates, leaks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from latens.data.convert import Size
from latens.data.duplicates import groups
from latens.data.finding import Finding
from latens.data.image_set import UNLABELLED, ImageSet
from latens.data.load import load
from latens.data.on_disk import chunks
from latens.data.split import Indices, draw
from latens.errors import DataError, plural
from latens.progress import Progress, silent

IMBALANCE = 3  # the largest class against the smallest, from which on we speak up
_BATCH, _FILTERS, _COPIES, _BASE = 128, 32, 12, 350 << 20


@dataclass(frozen=True)
class DataReport:
    """What `check` found.

    Attributes:
        name: of the image set.
        images: how many, test part included.
        size: height and width.
        channels: 1 to 4.
        classes: images of each class, test part included; empty without labels.
        parts: images of each part (``train``, ``val``, ``test``) as a training with the usual
            options divides them; empty where they cannot be divided (see ``findings``).
        train, val, test: the same by class; empty without labels.
        test_given: whether the data comes with a test part; else it is drawn at random.
        memory: bytes: ``images`` as uint8, ``training`` roughly in all (a convolutional
            autoencoder of 32 filters at batch 128, with the program itself).
        notes: what was done on the way in.
        findings: what is worth knowing, the gravest first.
        fingerprint: of the image set.
    """

    name: str
    images: int
    size: list[int]
    channels: int
    classes: dict[str, int]
    parts: dict[str, int]
    train: dict[str, int]
    val: dict[str, int]
    test: dict[str, int]
    test_given: bool
    memory: dict[str, int]
    fingerprint: str
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The form for ``--json``."""
        return asdict(self)


def check(
    data: Any,
    *,
    size: Size | None = None,
    channels: int | None = None,
    progress: Progress = silent,
) -> DataReport:
    """Load `data` (as `latens.data.load.load` does) and look at every image."""
    given = load(data, size=size, channels=channels, progress=progress)
    images = given.read_again(progress)  # what a pack says of itself is not believed
    count, height, width = images.shape
    pixels = images.images.nbytes
    working = _BATCH * height * width * _FILTERS * 4 * _COPIES
    held = 0 if isinstance(images.images, np.memmap) else pixels
    split, undivided = _split(images)
    return DataReport(
        name=images.name,
        images=len(images),
        size=[height, width],
        channels=count,
        classes=_counts(images, np.arange(len(images))),
        parts={name: len(index) for name, index in split.items()},
        train=_counts(images, split.get("train")),
        val=_counts(images, split.get("val")),
        test=_counts(images, split.get("test")),
        test_given=images.test_start is not None,
        memory={"images": pixels, "training": _BASE + held + working},
        fingerprint=images.fingerprint,
        notes=list(images.notes),
        findings=_gravest_first([*undivided, *_damaged(given, images), *_found(images, progress)]),
    )


def _split(images: ImageSet) -> tuple[dict[str, Indices], list[Finding]]:
    """The parts as a training divides them, or why it could not."""
    try:
        split = draw(images, seed=0)
    except DataError as error:
        return {}, [Finding("cannot-split", "error", str(error))]
    return {name: getattr(split, name) for name in ("train", "val", "test")}, []


def _found(images: ImageSet, progress: Progress) -> list[Finding]:
    """What the pixels and labels themselves tell."""
    return [
        *_skipped(images),
        *_labelling(images),
        *_duplicates(images, groups(images.hashes)),
        *_values(images, progress),
    ]


def _gravest_first(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: ("error", "warning", "info").index(finding.severity))


def _counts(images: ImageSet, index: Indices | None) -> dict[str, int]:
    if images.labels is None or index is None:
        return {}
    part = images.labels[index]
    counts = np.bincount(part[part != UNLABELLED], minlength=len(images.class_names))
    return {name: int(count) for name, count in zip(images.class_names, counts, strict=True)}


def _damaged(given: ImageSet, fresh: ImageSet) -> list[Finding]:
    """A pack brings fingerprint and hashes along; `fresh` has them from its pixels as they are."""
    told = [name for name in ("hashes", "fingerprint") if name in vars(given)]
    if all(np.array_equal(getattr(given, name), getattr(fresh, name)) for name in told):
        return []
    text = f"The pixels or labels of {given.name} changed since it was packed: pack it again."
    return [Finding("pack-damaged", "error", text)]


def _skipped(images: ImageSet) -> list[Finding]:
    if not images.skipped:
        return []
    shown = ", ".join(images.skipped[:3])
    text = f"{plural(len(images.skipped), 'file')} could not be read, such as {shown}."
    return [Finding("corrupt-files", "warning", text)]


def _labelling(images: ImageSet) -> list[Finding]:
    counts = _counts(images, np.arange(images.train_count))
    present = {name: count for name, count in counts.items() if count}
    found = []
    if not present:
        text = "No image has a label: the set serves for pretraining only."
        return [Finding("unlabelled", "info", text)]
    if len(present) == 1:
        text = f"All images are of one class ({next(iter(present))}): nothing can be told apart."
        found.append(Finding("single-class", "warning", text))
    absent = [name for name, count in counts.items() if not count]
    if absent:
        text = f"No training image is of class {', '.join(absent)}."
        found.append(Finding("absent-class", "warning", text))
    most, least = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
    if present[most] >= IMBALANCE * present[least]:
        text = f"Classes are imbalanced: {most} has {present[most]} training images, "
        text += f"{least} {present[least]}. Accuracy alone will flatter."
        found.append(Finding("imbalanced", "warning", text))
    missing = int((np.asarray(images.labels) == UNLABELLED).sum())
    if missing:
        text = f"{plural(missing, 'image has', 'images have')} no label: for pretraining only."
        found.append(Finding("partly-labelled", "info", text))
    return found


def _duplicates(images: ImageSet, group: np.ndarray) -> list[Finding]:
    found = []
    again = int((group != np.arange(len(group))).sum())
    if again:
        text = f"{plural(again, 'image repeats', 'images repeat')} an earlier one byte for byte."
        found.append(Finding("duplicates", "info", text))
    train = group[: images.train_count]
    leaked = int(np.isin(group[images.train_count :], train).sum())
    if leaked:
        text = f"{plural(leaked, 'test image is', 'test images are')} also in the training part: "
        text += "results on them flatter."
        found.append(Finding("leak", "warning", text))
    if images.labels is not None:
        first = images.labels[group]
        other = (first != images.labels) & (first != UNLABELLED) & (images.labels != UNLABELLED)
        if other.any():
            text = plural(int(other.sum()), "image has", "images have")
            text += " another label than an identical image."
            found.append(Finding("labels-disagree", "warning", text))
    return found


def _values(images: ImageSet, progress: Progress) -> list[Finding]:
    constant, brightest = 0, 0
    for start, chunk in chunks(images.images):
        rows = chunk.reshape(len(chunk), -1)
        low, high = rows.min(1), rows.max(1)
        constant += int((low == high).sum())
        brightest = max(brightest, int(high.max()))
        progress("looking at values", start + len(chunk), len(images))
    found = []
    if brightest <= 1:
        text = "No pixel is above 1 of 255: the images were probably scaled to 0..1 before."
        found.append(Finding("dark", "error", text))
    if constant:
        text = plural(constant, "image has", "images have")
        text += " one value everywhere: empty or damaged."
        found.append(Finding("constant-images", "warning", text))
    return found
