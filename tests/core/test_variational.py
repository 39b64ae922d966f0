"""The variational autoencoder: its bound against references, and what is made of a trained one."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from core_tiny import CPU, digits, index, some_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from latens.data.batches import Batch, Batches
from latens.errors import DataError, UsageError
from latens.nn import generate
from latens.nn.model import Model, build
from latens.nn.variational import Variational, divergence, draw
from latens.objectives import reconstruct, vae
from latens.spec import ConvSpec, MLPSpec, ReconstructSpec, ResidualSpec, VaeSpec, parse

SMALL = MLPSpec(hidden=(32,), latent=16)
NETWORKS: dict[str, Any] = {
    "a dense code": SMALL,
    "maps": ConvSpec(encoder_filters=(4, 8), decoder_filters=(8, 4)),
    "tied": ConvSpec(encoder_filters=(4, 8), decoder_filters=(8, 4), tied=True, latent=9),
    "residual maps": ResidualSpec(patch=2, widths=(4, 8), blocks=1),
}
LABELS = torch.tensor([3, 1, 4])
every_kind = pytest.mark.parametrize("conditional", [False, True])


def model_of(network: Any = SMALL, **fields: Any) -> tuple[Model, Any, Variational]:
    """A model in evaluation mode, its objective, and the part with the random code."""
    spec = parse(VaeSpec, {"latent": 5, **fields})
    model = build(network, (1, 8, 8), decoder=True, classes=10, objective=spec).eval()
    assert isinstance(model.decoder, Variational)
    return model, vae.build(spec), model.decoder


def told(conditional: bool, labels: Tensor = LABELS) -> Tensor | None:
    return labels if conditional else None


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_divergence_is_that_of_torch(count: int, latent: int, seed: int) -> None:
    torch.manual_seed(seed)
    mean, log_var = torch.randn(2, count, latent, dtype=torch.float64) * 3
    reference = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0, 1))
    assert torch.allclose(divergence(mean, log_var), reference)


def test_drawn_codes_have_their_mean_and_variance() -> None:
    torch.manual_seed(0)
    mean = torch.tensor([2.0, -1.0]).expand(40_000, 2)
    codes = draw(mean, torch.tensor([0.25, 4.0]).log().expand(40_000, 2))
    assert torch.allclose(codes.mean(0), mean[0], atol=0.05)
    assert torch.allclose(codes.var(0), torch.tensor([0.25, 4.0]), rtol=0.05)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
def test_the_bound_is_that_of_torchs_distributions(likelihood: str, beta: float) -> None:
    model, objective, between = model_of(likelihood=likelihood, beta=beta)
    images = some_batch().images.round()
    torch.manual_seed(4)
    step = objective.step(model, Batch(images, None))
    mean, log_var = between.posterior(model.encode(images))
    torch.manual_seed(4)
    logits = between.decode(draw(mean, log_var))
    given: Any = Bernoulli(logits=logits)
    if between.log_sigma is not None:
        with torch.no_grad():  # at the start the deviation is e^0, but for the floor below it
            given = Normal(torch.sigmoid(logits), 1.0)
    given = Independent(given, 3).log_prob(images)
    apart = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0, 1)).sum(1)
    assert step.sums["neg_elbo"][0].item() == pytest.approx((apart - given).sum().item(), rel=1e-2)
    assert step.sums["kl"][0].item() == pytest.approx(apart.sum().item(), rel=1e-4)
    wanted = (beta * apart - given).mean().item() / 64
    assert step.loss.item() == pytest.approx(wanted, rel=1e-2)


def test_both_parts_of_the_loss_are_of_whole_images() -> None:
    """A mean over pixels beside a sum over the code is what makes every image come out the same:
    here twice the pixels weigh twice as much against one code."""
    model, _, between = model_of()
    images = some_batch().images.round()
    logits = model.pixel_logits(images)
    once = vae.log_likelihood(logits, images, between)
    twice = vae.log_likelihood(torch.cat([logits] * 2, 3), torch.cat([images] * 2, 3), between)
    assert torch.allclose(twice, 2 * once)
    assert once.shape == (16,)


def test_free_bits_spare_a_code_that_says_little() -> None:
    batch = some_batch()
    model, free, between = model_of(free_bits=100.0, beta=2.0)
    torch.manual_seed(1)
    step = free.step(model, batch)
    torch.manual_seed(1)
    plain = model_of()[1].step(model, batch)
    assert step.sums == plain.sums, "free bits are about the loss alone"
    pixels = (step.sums["neg_elbo"][0] - step.sums["kl"][0]).item() / 16
    assert step.loss.item() == pytest.approx((pixels + 2 * 5 * 100) / 64, rel=1e-5)
    step.loss.backward()
    assert between.log_var.weight.grad is not None
    assert between.log_var.weight.grad.isfinite().all()


def test_binary_pixels_are_drawn_anew_by_their_grey_value() -> None:
    model, objective, _ = model_of(binarise=True)
    given: list[Tensor] = []
    model.encoder.register_forward_pre_hook(lambda module, arguments: given.append(*arguments))
    for seed in range(200):
        torch.manual_seed(seed)
        objective.step(model, some_batch())
    assert set(given[0].unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(given[0], given[1])
    assert torch.allclose(torch.stack(given).mean(0), some_batch().images, atol=0.2)


def test_a_weighed_bound_is_judged_as_weighed() -> None:
    """With beta 4, 2 nats more of reconstruction are better than 1 nat more of divergence."""
    few, many = {"neg_elbo": 100.0, "kl": 10.0}, {"neg_elbo": 99.0, "kl": 11.0}
    assert vae.build(VaeSpec()).score(many) > vae.build(VaeSpec()).score(few)
    assert vae.build(VaeSpec(beta=4)).score(many) < vae.build(VaeSpec(beta=4)).score(few)


def test_binary_pixels_need_their_likelihood() -> None:
    with pytest.raises(UsageError, match="binarise needs the likelihood bernoulli"):
        parse(VaeSpec, {"binarise": True, "likelihood": "gaussian"})


@pytest.mark.parametrize("network", NETWORKS)
@every_kind
def test_every_way_of_generating_gives_images(network: str, conditional: bool) -> None:
    model, _, _ = model_of(NETWORKS[network], conditional=conditional)
    labels, x, y = told(conditional), some_batch(3).images, some_batch(6).images[3:]
    assert model.code_size == 5
    ways = {
        "sample": (generate.sample(model, 3, labels), (3,)),
        "decode": (generate.decode(model, torch.randn(3, 5), labels), (3,)),
        "interpolate": (generate.interpolate(model, x, y, 4, labels), (3, 4)),
        "traverse": (generate.traverse(model, x, 2, (-1, 0, 1), labels), (3, 3)),
        "reconstruct": (model.reconstruct(x, labels), (3,)),
    }
    for name, (images, shape) in ways.items():
        assert images.shape == (*shape, 1, 8, 8), name
        assert images.min() >= 0 and images.max() <= 1, name


@every_kind
def test_samples_follow_from_their_generator(conditional: bool) -> None:
    model, _, _ = model_of(conditional=conditional)
    first, again, other = (
        generate.sample(model, 3, told(conditional), torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_kind
def test_interpolations_begin_and_end_at_the_reconstructions(conditional: bool) -> None:
    model, _, _ = model_of(conditional=conditional)
    labels, x, y = told(conditional), some_batch(3).images, some_batch(6).images[3:]
    between = generate.interpolate(model, x, y, 5, labels)
    assert torch.allclose(between[:, 0], model.reconstruct(x, labels), atol=1e-6)
    assert torch.allclose(between[:, -1], model.reconstruct(y, labels), atol=1e-6)
    middle = (generate.codes(model, x, labels) + generate.codes(model, y, labels)) / 2
    assert torch.allclose(between[:, 2], generate.decode(model, middle, labels), atol=1e-6)


def test_a_traversal_moves_one_variable() -> None:
    model, _, _ = model_of()
    x = some_batch(3).images
    z = generate.codes(model, x)
    moved = generate.traverse(model, x, 2, (float(z[1, 2]), 3.0))
    assert torch.allclose(moved[1, 0], model.reconstruct(x)[1], atol=1e-6)
    z[:, 2] = 3.0
    assert torch.allclose(moved[:, 1], generate.decode(model, z), atol=1e-6)


@pytest.mark.parametrize("variable", [-1, 5])
def test_a_variable_that_is_not_there_is_told(variable: int) -> None:
    with pytest.raises(UsageError, match=f"variable from 0 to 4; got {variable}") as caught:
        generate.traverse(model_of()[0], some_batch(3).images, variable)
    assert caught.value.code == "bad-variable"


@pytest.mark.parametrize(
    ("conditional", "labels", "words"),
    [
        (True, None, "3 classes from 0 to 9 to generate images; got none"),
        (True, torch.tensor([1, 2, 10]), "3 classes from 0 to 9"),
        (True, torch.tensor([1, 2, -1]), "3 classes from 0 to 9"),
        (True, torch.tensor([1, 2]), r"got classes of shape \(2,\)"),
        (False, LABELS, r"no classes to generate images; got classes of shape \(3,\)"),
    ],
)
def test_classes_that_do_not_suit_are_told(conditional: bool, labels: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        generate.sample(model_of(conditional=conditional)[0], 3, labels)
    assert caught.value.code == "bad-classes"


def test_other_autoencoders_cannot_generate() -> None:
    with pytest.raises(UsageError, match="Expected a variational autoencoder") as caught:
        generate.sample(build(SMALL, (1, 8, 8), decoder=True), 3)
    assert caught.value.code == "not-variational"


def test_the_class_reaches_code_and_image() -> None:
    model, _, between = model_of(conditional=True)
    images, z = some_batch(3).images, torch.randn(3, 5)
    assert not torch.equal(between.decode(z, LABELS), between.decode(z, LABELS + 1))
    features = model.encode(images)
    one, other = (between.posterior(features, labels)[0] for labels in (LABELS, LABELS + 1))
    assert not torch.equal(one, other)


def test_an_unknown_class_is_none_of_them() -> None:
    _, _, between = model_of(conditional=True)
    told = between._told(torch.zeros(3, 2), torch.tensor([0, -1, 9]))[:, 2:]
    assert told.sum(1).tolist() == [1, 0, 1]
    assert told[0, 0] == told[2, 9] == 1


def test_a_conditional_model_without_labels_is_told() -> None:
    model, objective, _ = model_of(conditional=True)
    images = some_batch().images
    spec = VaeSpec(conditional=True)
    for mistake in (
        lambda: objective.step(model, Batch(images, None)),
        lambda: model.reconstruct(images),
        lambda: build(SMALL, (1, 8, 8), decoder=True, classes=0, objective=spec),
    ):
        with pytest.raises(DataError, match="Expected a class for every image") as caught:
            mistake()
        assert caught.value.code == "unlabelled"


def test_a_smaller_deviation_is_learned_where_images_are_given_back_well() -> None:
    _, _, between = model_of(likelihood="gaussian")
    images = some_batch().images.clamp(0.05, 0.95)
    assert between.log_sigma is not None
    optimizer = torch.optim.Adam([between.log_sigma], 0.2)
    shifted = torch.logit((images + 0.03).clamp(max=0.99))  # every mean is 0.03 off
    for _ in range(100):
        optimizer.zero_grad()
        (-vae.log_likelihood(shifted, images, between).mean()).backward()
        optimizer.step()
    assert between.log_sigma.exp().item() == pytest.approx(0.03, rel=0.15)


@cache
def trained(kind: str, conditional: bool = False) -> Model:
    """A VAE or a plain autoencoder of 1,000 digits, after a second or two."""
    spec = VaeSpec(latent=6, conditional=conditional, likelihood="gaussian")
    network = MLPSpec(hidden=(128, 64), latent=6 if kind == "plain" else 32)
    model = build(
        network, (1, 8, 8), decoder=True, classes=10, objective=spec if kind == "vae" else None
    )
    objective: Any = (vae.build(spec), reconstruct.build(ReconstructSpec()))[kind == "plain"]
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    batches = Batches(digits(1000), index(0, 1000), 100, CPU)
    torch.manual_seed(0)
    for epoch in range(40):
        for batch in batches.epoch(epoch):
            optimizer.zero_grad()
            objective.step(model.train(), batch).loss.backward()
            optimizer.step()
    return model.eval()


def distance(images: Tensor) -> float:
    """How far images are from the nearest real digit, a mean of root mean squares of pixels."""
    real = torch.from_numpy(digits(1000).images).flatten(1) / 255
    return float(torch.cdist(images.flatten(1), real).min(1).values.mean() / 8)


def test_samples_of_a_trained_one_are_digits() -> None:
    """What report 3 could not do, and cannot be done with a plain autoencoder: its codes follow
    no known distribution, so that draws from the normal one are nothing."""
    drawn = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    new = distance(generate.decode(trained("vae"), drawn))
    plain = trained("plain")
    assert plain.decoder is not None
    with torch.no_grad():
        nothing = distance(torch.sigmoid(plain.decoder(drawn)))
        real = distance(plain.reconstruct(some_batch().images))
    assert real < new < 0.8 * nothing
    assert new < 0.2


def test_its_code_is_used() -> None:
    """Each digit has its own code, and the codes of all together are as the prior's."""
    model = trained("vae")
    everyone = torch.from_numpy(digits(1000).images).float() / 255
    said = generate.information(model, everyone)
    used = said > 0.5
    assert used.sum() >= 2
    assert isinstance(model.decoder, Variational)
    with torch.no_grad():
        mean, log_var = model.decoder.posterior(model.encode(everyone))
    assert torch.allclose(said, divergence(mean, log_var).mean(0))
    assert mean.mean(0).abs().max() < 0.3
    assert torch.allclose(mean.var(0) + log_var.exp().mean(0), torch.ones(6), atol=0.3)


def test_samples_are_of_the_class_that_was_asked_for() -> None:
    from sklearn.linear_model import LogisticRegression

    bunch = digits(1000)
    assert bunch.labels is not None
    judge = LogisticRegression(max_iter=500)
    judge.fit(bunch.images.reshape(1000, -1) / 255, bunch.labels)
    labels = torch.arange(10).repeat(30)
    draws = torch.Generator().manual_seed(2)
    images = generate.sample(trained("vae", conditional=True), 300, labels, draws)
    named = judge.predict(images.flatten(1).numpy())
    assert np.mean(named == labels.numpy()) > 0.8
