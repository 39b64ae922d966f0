"""Accuracy against noise: fair to every way, and the same each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from evaluation_tiny import CPU, Copies, digits, index, model, unlabelled
from torch import Tensor

from latens.errors import LatensError
from latens.evaluation.logits import class_logits
from latens.evaluation.noise import Way, corrupted, noise

LEVELS = (0.0, 0.3, 0.6, 1.0)


def curves(ways: list[Way], **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return noise(ways, digits(), index(0, 300), CPU, **{"levels": LEVELS, **more})


def test_without_noise_it_is_plain_accuracy() -> None:
    net = model()
    values, arrays = curves([Way("a", net)])
    scores = class_logits(net, digits(), index(0, 300), CPU)
    right = scores.argmax(1) == digits().labels
    np.testing.assert_array_equal(arrays["correct"][0, 0], right)
    assert values["ways"][0]["accuracies"][0] == pytest.approx(right.mean())


def test_every_way_sees_the_same_noise_and_so_does_another_call() -> None:
    net = model()
    _, arrays = curves([Way("one", net), Way("two", net), Way("same", net, lambda x: x)])
    np.testing.assert_array_equal(arrays["correct"][0], arrays["correct"][1])
    np.testing.assert_array_equal(arrays["correct"][0], arrays["correct"][2])
    _, again = curves([Way("alone", net)])
    np.testing.assert_array_equal(arrays["correct"][0], again["correct"][0])


def test_another_seed_gives_other_noise_and_a_level_its_own_whatever_the_others() -> None:
    net = model()
    _, arrays = curves([Way("a", net)])
    _, one = curves([Way("a", net)], levels=(0.6,))
    np.testing.assert_array_equal(arrays["correct"][0, 2], one["correct"][0, 0])
    x = torch.full((4, 1, 8, 8), 0.5)
    assert torch.equal(
        corrupted(x, "salt_pepper", 0.5, 0, 0), corrupted(x, "salt-pepper", 0.5, 0, 0)
    )
    assert not torch.equal(
        corrupted(x, "salt_pepper", 0.5, 0, 0), corrupted(x, "salt_pepper", 0.5, 1, 0)
    )
    assert not torch.equal(
        corrupted(x, "salt_pepper", 0.5, 0, 0), corrupted(x, "salt_pepper", 0.5, 0, 1)
    )


def test_more_noise_spoils_the_same_pixels_and_more() -> None:
    x = torch.full((4, 1, 8, 8), 0.5)
    spoilt = [corrupted(x, "salt_pepper", level, 0, 0) != x for level in (0.2, 0.5, 0.9)]
    assert bool((spoilt[0] <= spoilt[1]).all()) and bool((spoilt[1] <= spoilt[2]).all())


def test_a_denoiser_stands_before_the_classifier() -> None:
    truth = digits(10)
    clean = torch.from_numpy(truth.images / np.float32(255))
    judge = Copies()
    plain = (judge.class_logits(clean).argmax(1).numpy() == truth.labels).mean()
    ways = [Way("behind", judge, lambda _: clean)]
    values, _ = noise(ways, truth, index(0, 10), CPU, levels=LEVELS)
    assert values["ways"][0]["accuracies"] == pytest.approx([plain] * len(LEVELS))


def test_ways_that_share_a_denoiser_share_its_work() -> None:
    seen: list[Tensor] = []

    def watched(x: Tensor) -> Tensor:
        seen.append(x)
        return x

    curves([Way("one", model(0), watched), Way("two", model(1), watched)], levels=(0.1, 0.2))
    assert len(seen) == 2


def test_dropout_is_off() -> None:
    net = model().train()
    _, arrays = curves([Way("a", net)])
    np.testing.assert_array_equal(arrays["correct"], curves([Way("a", net.eval())])[1]["correct"])


def test_intervals_hold_the_accuracy() -> None:
    way = curves([Way("a", model())])[0]["ways"][0]
    for low, middle, high in zip(way["low"], way["accuracies"], way["high"], strict=True):
        assert 0 <= low <= middle <= high <= 1 and high - low < 0.13


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("unknown-corruption", {"corruption": "flip"}),
        ("unknown-corruption", {"corruption": "salt_peper"}),
        ("bad-level", {"levels": (0.5, 1.2)}),
        ("bad-level", {"levels": ()}),
        ("no-images", {"index": index(0, 0)}),
        ("unlabelled", {"images": unlabelled()}),
        ("no-ways", {"ways": []}),
        ("no-ways", {"ways": [Way("a", Copies()), Way("a", Copies())]}),
    ],
)
def test_mistakes_are_told(code: str, change: dict[str, Any]) -> None:
    asked = {"ways": [Way("a", Copies())], "images": digits(), "index": index(0, 9), "device": CPU}
    with pytest.raises(LatensError) as told:
        noise(**{**asked, **change})
    assert told.value.code == code and told.value.hint
