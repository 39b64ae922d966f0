"""Views: which there are, and that a classifier averages over them where it is not trained."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from core_tiny import HEAD, NETWORK

from latens.app.classify import planned
from latens.choices import Views
from latens.nn.model import Model, build
from latens.nn.views import COUNTS, views


def classifier(kind: Views, *, decoder: bool = False) -> Model:
    head = HEAD.model_copy(update={"views": kind})
    return build(NETWORK, (1, 8, 8), head=head, classes=3, decoder=decoder)


@pytest.mark.parametrize("kind", get_args(Views))
def test_the_first_view_is_the_image_and_every_one_has_its_size(kind: Views) -> None:
    images = torch.rand(2, 3, 4, 5)
    seen = views(images, kind)
    assert len(seen) == COUNTS[kind]
    assert seen[0].equal(images)
    assert {view.shape for view in seen} == {images.shape}
    assert len({view.sum((0, 1, 2)).numpy().tobytes() for view in seen}) >= min(3, len(seen))


def test_mirrored_and_shifted_by_a_pixel() -> None:
    images = torch.arange(1.0, 7.0).view(1, 1, 2, 3)
    assert views(images, "mirror")[1].tolist() == [[[[3, 2, 1], [6, 5, 4]]]]
    shifted = [view[0, 0].tolist() for view in views(images, "shift")[1:]]
    down, up, right, left = shifted
    assert (down, up) == ([[0, 0, 0], [1, 2, 3]], [[4, 5, 6], [0, 0, 0]])
    assert (right, left) == ([[0, 1, 2], [0, 4, 5]], [[2, 3, 0], [5, 6, 0]])
    both = views(images, "both")
    assert all(b.equal(a.flip(3)) for a, b in zip(both[:5], both[5:], strict=True))


@pytest.mark.parametrize("kind", get_args(Views))
def test_scores_are_the_mean_over_views_outside_training_alone(kind: Views) -> None:
    images = torch.rand(4, 1, 8, 8)
    model = classifier(kind, decoder=True).eval()
    wanted = torch.stack([model.view_logits(view) for view in views(images, kind)]).mean(0)
    assert torch.allclose(model.class_logits(images), wanted)
    pixels, scores = model.both_logits(images)
    assert torch.allclose(scores, wanted)
    assert torch.allclose(pixels, model.pixel_logits(images))
    model.training = True  # as a phase with everything frozen but the head begins
    assert torch.allclose(model.class_logits(images), model.view_logits(images))
    assert torch.allclose(model.both_logits(images)[1], model.view_logits(images))


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, "none"),
        ({"augment": "flip,shift=0.5"}, "mirror"),
        ({"augment": "shift"}, "none"),
        ({"augment": "flip", "views": "none"}, "none"),
        ({"augment": False, "views": "both"}, "both"),
    ],
)
def test_who_learns_from_mirrored_images_is_asked_about_them(
    asked: dict[str, str], wanted: str
) -> None:
    spec, _ = planned("digits", **asked)  # type: ignore[arg-type]
    assert spec.head.views == wanted  # type: ignore[union-attr]
