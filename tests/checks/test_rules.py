"""Each rule fires on what it is for, is silent on what is right, and when it knows nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latens import catalog
from latens.checks.context import Context
from latens.checks.run import ROOM, run_checks
from latens.data.image_set import ImageSet
from latens.spec import MLPSpec, RunSpec, parse

RULES = catalog.names(ROOM)
FIRST, LAST = np.arange(12), np.arange(12, 20)


def image_set(seed: int = 0, **changes: Any) -> ImageSet:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 1, 8, 8), dtype=np.uint8)
    fields: dict[str, Any] = {"labels": np.arange(20) % 2, "class_names": ("cat", "dog")}
    return ImageSet(pixels, **(fields | changes))


def with_copy() -> ImageSet:
    pixels = image_set().images.copy()
    pixels[15] = pixels[3]
    return ImageSet(pixels)


def arm(mode: str, labels: int | str, seeds: int = 5, accuracy: float = 0.9) -> dict[str, Any]:
    return {"mode": mode, "labels": labels, "accuracies": [accuracy] * seeds}


SPLIT: dict[str, Any] = {"train_index": FIRST[:9], "val_index": FIRST[9:], "test_index": LAST}
SAME = image_set()
OTHER = ImageSet(np.concatenate([image_set(1).images, SAME.images[14:15]]))

CONVOLUTIONS = {"encoder_filters": (8, 8), "down_after": (1,)}


def asked(decoder: int = 2, **objective: Any) -> RunSpec:
    """A pretraining with two convolutions in the encoder and so many in the decoder."""
    return parse(
        RunSpec,
        {
            "task": "pretrain", "data": {"source": "x"},
            "encoder": {"kind": "conv", **CONVOLUTIONS, "decoder_filters": (8,) * decoder},
            "objective": {"kind": "reconstruct", **objective},
            "phases": [{"name": "autoencoder", "groups": ["encoder", "decoder"], "epochs": 1}],
        },
    )  # fmt: skip


def imported(by: str = "Keras 2.4.0") -> RunSpec:
    """A network that was read from a file of another program."""
    file = {"format": "keras", "file": "ae.h5", "sha256": "0", "written_by": by}
    changed = {"phases": (), "imported": {**file, "encoder_end": "code"}}
    return parse(RunSpec, {**asked().model_dump(), **changed})


FIRES: dict[str, list[Context]] = {
    "trained-elsewhere": [Context(spec=imported())],
    "exported-by-latens": [Context(spec=imported("latens 0.1.0"))],
    "wide-code": [Context(code_size=784, pixels=784), Context(code_size=6272, pixels=784)],
    "uneven-layers": [Context(spec=asked(decoder=1))],
    "pretrained-with-labels": [Context(pretrain_spec=asked(kind="vae", conditional=True))],
    "pretraining-unchecked": [
        Context(images=SAME, test_index=LAST, pretrain_fingerprint="another"),
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_fingerprint=SAME.fingerprint,
            pretrain_spec=imported(),
        ),
        Context(images=SAME, test_index=LAST, pretrain_index=FIRST, pretrain_fingerprint="else"),
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_index=FIRST,
            pretrain_fingerprint="else",
            pretrain_images=ImageSet(np.zeros((20, 1, 9, 8), np.uint8)),
        ),
    ],
    "few-seeds": [Context(seeds=[0, 1, 2, 3]), Context(seeds=[0] * 5), Context(seeds=[0])],
    "chosen-on-test": [Context(selected_on="test")],
    "no-better-than-guessing": [
        Context(images=SAME, val_index=FIRST, val_accuracy=0.5, spec=asked()),
        Context(images=SAME, val_index=FIRST, val_accuracy=0.75, spec=asked()),  # 6 + 3 of 12
    ],
    "arms-that-guess": [
        Context(images=SAME, test_index=LAST, arms=[arm("scratch", 5, accuracy=0.5)]),
        Context(  # 4 + 2.8 of 8 are a guess
            images=SAME,
            test_index=LAST,
            arms=[
                arm("scratch", 5, accuracy=0.5),
                arm("frozen", 5, accuracy=0.8),
                arm("scratch", 9, accuracy=0.9),
                arm("frozen", 9, accuracy=0.9),
            ],
        ),
    ],
    "worse-than-pca": [Context(mse=0.02, pca_mse=0.01, code_size=8, spec=asked())],
    "code-unused": [
        Context(active_units=0, spec=asked(kind="vae")),
        Context(active_units=3, spec=asked(kind="vae", latent=8)),
    ],
    "few-test-images": [Context(measured=80, right=70), Context(measured=1, right=0)],
    "split-duplicates": [
        Context(images=with_copy(), **SPLIT),
        Context(images=with_copy(), val_index=FIRST, test_index=LAST),
    ],
    "pretrained-on-test": [
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_index=np.arange(14),
            pretrain_fingerprint=SAME.fingerprint,
        ),
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_index=np.arange(21),
            pretrain_images=OTHER,
            pretrain_fingerprint=OTHER.fingerprint,
        ),
    ],
    "class-missing": [
        Context(images=SAME, train_index=np.array([0, 2, 4])),
        Context(images=SAME, train_index=FIRST, test_index=np.array([13, 15])),
        Context(images=SAME, train_index=FIRST, labelled_index=np.array([1, 3])),
    ],
    "unmatched-control": [
        Context(arms=[arm("frozen", 50), arm("scratch", "all")]),
        Context(arms=[arm("frozen", 50), arm("scratch", 50, seeds=3)]),
    ],
}
SILENT: dict[str, list[Context]] = {
    "trained-elsewhere": [Context(spec=asked()), Context(), Context(spec=imported("latens 1"))],
    "exported-by-latens": [Context(spec=asked()), Context(), Context(spec=imported())],
    "wide-code": [
        Context(code_size=783, pixels=784),
        Context(code_size=800),
        Context(code_size=800, pixels=784, spec=asked(kind="denoise")),
        Context(code_size=800, pixels=784, spec=asked(kind="masked")),
    ],
    "uneven-layers": [
        Context(spec=asked()),
        Context(spec=asked().model_copy(update={"encoder": MLPSpec()})),
    ],
    "pretrained-with-labels": [
        Context(pretrain_spec=asked()),
        Context(pretrain_spec=asked(kind="vae")),
    ],
    "pretraining-unchecked": [
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_index=FIRST,
            pretrain_fingerprint=SAME.fingerprint,
        ),
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_index=FIRST,
            pretrain_images=OTHER,
            pretrain_fingerprint=OTHER.fingerprint,
        ),
    ],
    "few-seeds": [Context(seeds=range(5))],
    "chosen-on-test": [Context(selected_on="validation")],
    "no-better-than-guessing": [
        Context(images=SAME, val_index=FIRST, val_accuracy=0.9, spec=asked()),
        Context(images=SAME, val_index=FIRST[:0], val_accuracy=0.5, spec=asked()),
        Context(images=ImageSet(SAME.images), val_index=FIRST, val_accuracy=0.5, spec=asked()),
    ],
    "arms-that-guess": [
        Context(images=SAME, test_index=LAST, arms=[arm("scratch", 5)]),
        Context(  # that pretraining alone learned something is a result
            images=SAME, test_index=LAST, arms=[arm("scratch", 5, accuracy=0.5), arm("frozen", 5)]
        ),
        Context(images=SAME, test_index=LAST[:0], arms=[arm("scratch", 5, accuracy=0.5)]),
        Context(images=SAME, test_index=LAST, arms=[{"mode": "scratch", "labels": 5}]),
        Context(
            images=ImageSet(SAME.images), test_index=LAST, arms=[arm("scratch", 5, accuracy=0.5)]
        ),
    ],
    "worse-than-pca": [
        Context(mse=0.01, pca_mse=0.02, code_size=8, spec=asked()),
        Context(mse=0.01, pca_mse=0.0, code_size=64, spec=asked()),
        Context(mse=0.02, pca_mse=0.01, code_size=8, spec=asked(kind="denoise")),
        Context(mse=0.02, pca_mse=None, code_size=8, spec=asked()),
    ],
    "code-unused": [
        Context(active_units=4, spec=asked(kind="vae", latent=8)),
        Context(active_units=0, spec=asked()),
    ],
    "few-test-images": [Context(measured=200, right=9), Context(measured=0, right=0)],
    "split-duplicates": [Context(images=SAME, **SPLIT), Context(images=with_copy())],
    "pretrained-on-test": [
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_index=FIRST,
            pretrain_fingerprint=SAME.fingerprint,
        ),
        Context(
            images=SAME,
            test_index=LAST,
            pretrain_index=np.arange(20),
            pretrain_images=OTHER,
            pretrain_fingerprint=OTHER.fingerprint,
        ),
        Context(images=SAME, test_index=LAST, pretrain_index=LAST, pretrain_fingerprint="else"),
    ],
    "class-missing": [
        Context(images=SAME, train_index=FIRST, test_index=LAST),
        Context(images=ImageSet(SAME.images), train_index=FIRST),
        Context(images=SAME, train_index=FIRST, labelled_index=np.array([1, 2])),
    ],
    "unmatched-control": [
        Context(arms=[arm("frozen", 50), arm("two-phase", 50), arm("scratch", 50)]),
        Context(arms=[arm("scratch", "all")]),
    ],
}


@pytest.mark.parametrize("name", RULES)
def test_it_fires(name: str) -> None:
    for context in FIRES[name]:
        found = catalog.load(ROOM, name).check(context)
        assert found is not None
        assert found.code == name
        assert found.severity in ("info", "warning", "error")
        assert found.message.endswith(".") and "  " not in found.message
        assert run_checks(context) == [found]


@pytest.mark.parametrize("name", RULES)
def test_it_is_silent(name: str) -> None:
    for context in SILENT[name]:
        assert catalog.load(ROOM, name).check(context) is None


def test_a_rule_without_its_inputs_does_not_apply() -> None:
    assert run_checks(Context()) == []


@pytest.mark.parametrize("name", RULES)
def test_it_needs_each_of_its_inputs(name: str) -> None:
    """Any one field alone must not break a rule."""
    full = FIRES[name][0]
    for key, value in vars(full).items():
        catalog.load(ROOM, name).check(Context(**{key: value}))


def test_errors_come_first() -> None:
    context = Context(code_size=9, pixels=9, selected_on="test", seeds=[1])
    assert [finding.severity for finding in run_checks(context)] == ["error", "warning", "warning"]


def test_messages_count_right() -> None:
    found = [catalog.load(ROOM, "pretrained_on_test").check(c) for c in FIRES["pretrained-on-test"]]
    assert [finding.message.split(" test images")[0][-8:] for finding in found] == (
        ["of the 8"] * 2
    )
    assert "on 2 of" in found[0].message and "on 1 of" in found[1].message
    missing = catalog.load(ROOM, "class_missing").check(FIRES["class-missing"][0])
    assert "no labelled training image of dog" in missing.message


def test_the_mend_is_named() -> None:
    worse = catalog.load(ROOM, "worse_than_pca").check(FIRES["worse-than-pca"][0])
    assert "0.02000" in worse.message and "--epochs 3" in worse.message
    unused = catalog.load(ROOM, "code_unused").check(FIRES["code-unused"][1])
    assert "3 of the 8 variables" in unused.message
    assert "--beta" in unused.message and "--free-bits 0.1" in unused.message
    few = catalog.load(ROOM, "few_test_images").check(FIRES["few-test-images"][0])
    assert "80 test images" in few.message and "between 78.5% and 93.1%" in few.message


def test_many_missing_classes_are_not_all_listed() -> None:
    images = image_set(class_names=tuple(f"kind{i}" for i in range(9)))
    finding = catalog.load(ROOM, "class_missing").check(Context(images=images, train_index=FIRST))
    assert "kind6 and 2 more" in finding.message and "kind8" not in finding.message


def test_a_part_that_was_left_empty_on_purpose_misses_no_class() -> None:
    none = np.array([], dtype=np.int64)
    whole = np.arange(len(image_set()))
    check = catalog.load(ROOM, "class_missing").check
    assert check(Context(images=image_set(), train_index=whole, test_index=none)) is None
