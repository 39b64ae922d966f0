"""Inside a variational autoencoder: which variables are in use, and its pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from evaluation_tiny import CPU, digits, index, model, vae

from latens.data.image_set import ImageSet
from latens.errors import LatensError
from latens.evaluation.latent import STOPS, latent
from latens.nn.generate import decode
from latens.nn.model import Model
from latens.nn.variational import Variational


def between(net: Model) -> Variational:
    assert isinstance(net.decoder, Variational)
    return net.decoder


def test_a_variable_that_says_nothing_is_not_in_use() -> None:
    net = vae()
    with torch.no_grad():
        between(net).mean.weight *= 30
        between(net).mean.weight[2] = 0
    values, _ = latent(net, digits(), index(0, 100), CPU)
    assert values["latent"] == 4 and values["active"] == 3
    assert values["order"][-1] == 2 and values["activity"][-1] == 0
    assert values["activity"] == sorted(values["activity"], reverse=True)


def test_activity_is_the_variance_of_the_means() -> None:
    net = vae()
    x = torch.from_numpy(digits().images[:100] / np.float32(255))
    means, _ = between(net).posterior(net.encode(x))
    expected = sorted(means.detach().numpy().astype(float).var(0).tolist(), reverse=True)
    assert latent(net, digits(), index(0, 100), CPU)[0]["activity"] == pytest.approx(expected)


@pytest.mark.parametrize("conditional", [False, True])
def test_pictures_have_their_shapes_and_ends(conditional: bool) -> None:
    net = vae(conditional=conditional)
    _, arrays = latent(net, digits(), index(0, 100), CPU, pairs=3, steps=5, variables=2)
    assert arrays["interpolations"].shape == (3, 5, 1, 8, 8)
    assert arrays["traversals"].shape == (2, len(STOPS), 1, 8, 8)
    assert arrays["starts"].shape == arrays["ends"].shape == (3, 1, 8, 8)
    assert arrays["traversed"].shape == (1, 8, 8)


def test_interpolations_begin_with_the_first_images_reconstruction() -> None:
    net = vae()
    _, arrays = latent(net, digits(), index(0, 100), CPU, pairs=2)
    for name, step in (("starts", 0), ("ends", -1)):
        back = net.reconstruct(torch.from_numpy(arrays[name] / np.float32(255)))
        expected = (back.detach().numpy() * 255).round()
        np.testing.assert_allclose(arrays["interpolations"][:, step], expected, atol=1)


def test_a_traversal_moves_one_variable() -> None:
    net = vae()
    values, arrays = latent(net, digits(), index(0, 100), CPU, variables=1)
    x = torch.from_numpy(arrays["traversed"][None] / np.float32(255))
    code, _ = between(net).posterior(net.encode(x))
    code = code.detach()
    code[0, values["order"][0]] = STOPS[0]
    expected = (decode(net, code).numpy() * 255).round()[0]
    np.testing.assert_allclose(arrays["traversals"][0, 0], expected, atol=1)


@pytest.mark.parametrize("conditional", [False, True])
def test_pairs_are_of_one_class_just_where_the_class_is_told(conditional: bool) -> None:
    images = digits(100)
    shown = {
        image.tobytes(): int(label)
        for image, label in zip(images.images, images.labels, strict=True)
    }  # type: ignore[arg-type]
    _, arrays = latent(vae(conditional=conditional), images, index(0, 100), CPU)
    for start, end in zip(arrays["starts"], arrays["ends"], strict=True):
        assert (shown[start.tobytes()] == shown[end.tobytes()]) == conditional
        assert (start != end).any()


def test_images_without_labels_and_few_of_them() -> None:
    images = ImageSet(digits(3).images)
    _, arrays = latent(vae(), images, index(0, 3), CPU, pairs=5)
    assert len(arrays["starts"]) == 5


def test_the_same_seed_shows_the_same() -> None:
    one, two = (latent(vae(), digits(), index(0, 50), CPU)[1] for _ in range(2))
    assert all((one[name] == two[name]).all() for name in one)


def test_mistakes_are_told() -> None:
    with pytest.raises(LatensError) as told:
        latent(model(), digits(), index(0, 50), CPU)
    assert told.value.code == "not-variational"
    with pytest.raises(LatensError) as told:
        latent(vae(), digits(), index(0, 1), CPU)
    assert told.value.code == "too-few-images"
