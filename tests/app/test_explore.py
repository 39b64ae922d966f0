"""A closer look: every exploration on a run that it suits, and refusals on those it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from app_tiny import PRETRAIN, TEST, digits, poisoned

import latens
from latens import choices
from latens.app import settings
from latens.app.explorations import EXPLORATIONS, Asked
from latens.app.explore import ALWAYS, _require_part
from latens.app.opened import opened
from latens.app.settings_explore import ExploreOptions
from latens.errors import LatensError
from latens.runs.folder import RunFolder

VAE: dict[str, Any] = {
    "objective": "vae", "network": "mlp", "hidden": (16,), "latent": 3, "epochs": 2,
    "batch_size": 64, "threads": 1, "report": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(pretrained: latens.PretrainResult, place: Path) -> dict[str, str]:
    """A run of each kind; the classifier has learned something."""
    clf = latens.classify(
        digits(), out=place / "judge" / "clf", epochs=12, batch_size=16, threads=1, report=False,
        network="mlp", augment=False,
    )  # fmt: skip
    vae = latens.pretrain(digits(), out=place / "vae", **VAE)
    told = latens.pretrain(digits(), out=place / "told", conditional=True, **VAE)
    return {"ae": pretrained.run, "clf": clf.run, "vae": vae.run, "told": told.run}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages are drawn in another test: these look at results."""
    monkeypatch.setattr("latens.app.explore.build_report", lambda *_, **__: Path("page"))


SUITED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "noise": ("noise", "clf", {"levels": (0, 0.5), "noise": "gaussian"}),
    "noise behind": ("noise", "clf", {"levels": (0.0,), "denoiser": "ae"}),
    "denoising": ("denoising", "ae", {"levels": (0.4,), "count": 5}),
    "maps": ("maps", "clf", {"method": "pca", "count": 15}),
    "maps of a stage": ("maps", "ae", {"method": ("pca",), "stage": "block1"}),
    "maps of a vae": ("maps", "told", {"method": ("pca",)}),
    "anomaly": ("anomaly", "ae", {"normal": ["0", "1", "2", "3", "4", "5"], "false_alarms": 0.3}),
    "samples": ("samples", "vae", {"classifier": "clf", "count": 21}),
    "samples by class": ("samples", "told", {"classifier": "clf", "count": 21}),
    "latent": ("latent", "vae", {"count": 10}),
    "latent by class": ("latent", "told", {}),
}


def look(runs: dict[str, str], case: str, **more: Any) -> latens.Explored:
    what, run, options = SUITED[case]
    named = {k: runs[v] if k in ("denoiser", "classifier") else v for k, v in options.items()}
    found: latens.Explored = latens.explore(runs[run], what, digits(), **{**named, **more})  # type: ignore[arg-type]
    return found


def test_the_table_and_the_names_that_people_type_are_the_same() -> None:
    assert tuple(EXPLORATIONS) == get_args(choices.Exploration)
    assert {what for what, _, _ in SUITED.values()} == set(EXPLORATIONS)
    used = {option for exploration in EXPLORATIONS.values() for option in exploration.options}
    assert used | set(ALWAYS) == set(settings.table(ExploreOptions))


@pytest.mark.parametrize("case", SUITED)
def test_a_result_is_stored_and_the_same_again(runs: dict[str, str], case: str) -> None:
    found = look(runs, case)
    what = SUITED[case][0]
    assert (found.what, found.part, found.result) == (what, "validation", what)
    stored, arrays = RunFolder.open(found.run).result(what)
    assert stored == found.numbers and stored["part"] == "validation" and arrays
    assert look(runs, case).numbers == stored
    assert found.next.startswith("latens ") and f" {what}" not in found.next


@pytest.mark.parametrize("case", ["noise", "denoising", "maps", "anomaly", "samples", "latent"])
def test_the_test_part_is_read_where_it_is_asked_for_alone(
    runs: dict[str, str], case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other test images the numbers of validation stay, and those of test change."""
    monkeypatch.setattr("latens.app.opening.require_same_data", lambda *_: None)
    what, run, options = SUITED[case]
    named = {k: runs[v] if k in ("denoiser", "classifier") else v for k, v in options.items()}

    def numbers(images: Any, part: str) -> dict[str, Any]:
        found = latens.explore(runs[run], what, images, part=part, **named)  # type: ignore[arg-type]
        assert found.result == (what if part == "validation" else f"{what}-test")
        return found.numbers

    assert numbers(digits(), "validation") == numbers(poisoned(), "validation")
    assert numbers(digits(), "test") != numbers(poisoned(), "test")


def test_behind_a_denoiser_is_another_way(runs: dict[str, str]) -> None:
    ways = look(runs, "noise behind").numbers["ways"]
    assert [way["name"] for way in ways] == ["clf", "clf behind ae"]
    assert ways[0]["accuracies"] != ways[1]["accuracies"]


def test_noise_is_what_the_run_learned_to_mend(runs: dict[str, str], place: Path) -> None:
    assert look(runs, "denoising").numbers["corruption"] == "salt-pepper"
    mends = latens.pretrain(
        digits(), out=place / "mends", **{**PRETRAIN, "epochs": 1}, noise="gaussian", report=False
    )
    found = latens.explore(mends.run, "denoising", digits(), levels="0.1", count=3)  # type: ignore[arg-type]
    assert found.numbers["corruption"] == "gaussian" and found.numbers["levels"] == [0.1]


def test_samples_are_asked_for_in_equal_numbers(runs: dict[str, str]) -> None:
    look(runs, "samples by class")
    numbers, arrays = RunFolder.open(runs["told"]).result("samples")
    assert np.bincount(arrays["pictures_asked"]).tolist() == [3, *[2] * 9]
    assert numbers["asked_accuracy"] is not None
    assert look(runs, "samples").numbers["asked_accuracy"] is None


def test_a_threshold_and_its_rates_come_from_other_images(runs: dict[str, str]) -> None:
    half, whole = look(runs, "anomaly").numbers, look(runs, "anomaly", part="test").numbers
    validation = len(RunFolder.open(runs["ae"]).split()["val"])
    assert half["images"] == validation - validation // 2
    assert half["validation_images"] <= validation // 2
    assert whole["images"] == TEST and whole["seen"] > 0


REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "of nothing": ("ae", "dreams", {}, "unknown-exploration"),
    "another part": ("ae", "maps", {"part": "train"}, "unknown-part"),
    "another keyword": ("ae", "maps", {"colour": 1}, "unknown-keyword"),
    "an option of another": ("ae", "maps", {"normal": ["1"]}, "without-effect"),
    "samples of a classifier": ("clf", "samples", {"classifier": "clf"}, "other-kind"),
    "samples of an autoencoder": ("ae", "samples", {"classifier": "clf"}, "other-kind"),
    "noise for an autoencoder": ("ae", "noise", {}, "other-kind"),
    "anomaly of one that is told": ("told", "anomaly", {"normal": ["1"]}, "other-kind"),
    "latent of an autoencoder": ("ae", "latent", {}, "other-kind"),
    "a comparison": ("cmp", "maps", {}, "other-kind"),
    "no classifier": ("vae", "samples", {}, "missing-option"),
    "no normal class": ("ae", "anomaly", {}, "missing-option"),
    "a class that is not": ("ae", "anomaly", {"normal": "ten"}, "unknown-class"),
    "nothing but normal": ("ae", "anomaly", {"normal": list("0123456789")}, "one-kind"),
    "an autoencoder for a judge": ("vae", "samples", {"classifier": "ae"}, "other-kind"),
    "a classifier for a denoiser": ("clf", "noise", {"denoiser": "clf"}, "other-kind"),
    "a denoiser of other images": ("clf", "noise", {"denoiser": "small"}, "other-shape"),
    "a judge of other classes": ("vae", "samples", {"classifier": "even"}, "other-data"),
    "unknown noise": ("clf", "noise", {"noise": "snow"}, "unknown-corruption"),
    "levels that are none": ("clf", "noise", {"levels": "a"}, "bad-numbers"),
    "levels outside": ("clf", "noise", {"levels": (2.0,)}, "bad-level"),
    "unknown map": ("clf", "maps", {"method": "atlas"}, "unknown-map"),
    "unknown stage": ("clf", "maps", {"stage": "attic"}, "unknown-stage"),
}


@pytest.fixture(scope="module")
def others(runs: dict[str, str], compared: latens.Comparison, place: Path) -> dict[str, str]:
    """Runs that do not go together with those."""
    images = digits()
    assert images.labels is not None
    small = replace(images, images=np.ascontiguousarray(images.images[:, :, :4, :4]))
    even = replace(images, labels=images.labels % 2, class_names=("even", "odd"))
    quick: dict[str, Any] = {"epochs": 1, "batch_size": 64, "threads": 1, "report": False}
    mlp = {**quick, "network": "mlp", "hidden": (8,)}
    found = {"cmp": compared.run}
    found["small"] = latens.pretrain(small, out=place / "small", **mlp).run
    found["even"] = latens.classify(even, out=place / "even", **quick).run
    return {**runs, **found}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_one_sentence_with_a_mend(others: dict[str, str], case: str) -> None:
    run, what, options, code = REFUSED[case]
    named = {k: others[v] if k in ("denoiser", "classifier") else v for k, v in options.items()}
    with pytest.raises(LatensError) as caught:
        latens.explore(others[run], what, digits(), **named)  # type: ignore[arg-type]
    told = caught.value
    assert (told.code, told.message[:9]) == (code, "Expected ") and told.hint
    assert told.message.endswith(".") and "\n" not in told.message


def test_a_run_that_does_not_suit_says_which_explorations_do(runs: dict[str, str]) -> None:
    with pytest.raises(LatensError, match="variational autoencoder for latent") as caught:
        latens.explore(runs["clf"], "latent", digits())
    assert "noise, maps" in caught.value.hint


def test_anomalies_that_validation_lacks_are_looked_for_in_test(place: Path) -> None:
    images = digits()
    assert images.labels is not None and images.test_start is not None
    mixed = images.labels.copy()
    mixed[: images.test_start] = 0
    normal = replace(images, labels=mixed, class_names=tuple("0123456789"))
    run = latens.pretrain(normal, out=place / "normal", report=False, **{**PRETRAIN, "epochs": 1})
    with pytest.raises(LatensError, match="other classes than 0 in the validation part") as caught:
        latens.explore(run.run, "anomaly", normal, normal=["0"])
    assert "--part test" in caught.value.hint
    assert latens.explore(run.run, "anomaly", normal, normal="0", part="test").numbers["anomalies"]  # type: ignore[arg-type]


def test_a_split_without_test_images_is_told(runs: dict[str, str]) -> None:
    found = opened(runs["ae"], digits())
    without = replace(found, split=replace(found.split, test=found.split.test[:0]))
    with pytest.raises(LatensError, match="Expected test images") as caught:
        _require_part(Asked(without, {"part": "test"}, lambda *_: None))
    assert caught.value.code == "no-test-part"


def test_progress_is_told(runs: dict[str, str]) -> None:
    calls: list[str] = []
    look(runs, "samples", progress=lambda what, done, total: calls.append(what))
    assert {"sampling", "features", "nearest training images"} <= set(calls)
