"""The contract of every file in latens/objectives, and what each computes against references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from core_tiny import (
    CPU,
    digits,
    groups_in_use,
    index,
    new_run,
    objective,
    phase,
    same,
    some_batch,
    training,
    weights,
    whole_model,
)
from scipy.special import expit
from sklearn.metrics import mean_squared_error

from latens import catalog
from latens.data.batches import Batches
from latens.errors import RunError
from latens.metrics import Totals
from latens.nn.model import Model, build
from latens.objectives import reconstruct
from latens.spec import ConvSpec, HeadSpec, MLPSpec, ReconstructSpec, ResidualSpec
from latens.train import checkpoint
from latens.train.loop import Training, fit, validate

KINDS = catalog.names("objectives")
STEADY = ConvSpec(encoder_filters=(16, 16), decoder_filters=(16, 16), latent=16)
NETWORKS: dict[str, Any] = {
    "conv": ConvSpec(encoder_filters=(8, 8), decoder_filters=(8, 8), latent=16),
    "conv, tied": ConvSpec(
        encoder_filters=(8, 16), decoder_filters=(16, 8), down="stride", tied=True
    ),
    "mlp": MLPSpec(hidden=(64,), latent=24, activation="silu"),
    "mlp, tied": MLPSpec(hidden=(64,), latent=24, activation="silu", tied=True),
    "residual": ResidualSpec(patch=2, widths=(8, 16), blocks=1, out_filters=8),
}
DRAWS = ("denoise", "masked", "vae")  # what they draw depends on how images are batched
every = pytest.mark.parametrize("kind", KINDS)


def means(kind: str, model: Model, size: int, count: int = 47) -> dict[str, float]:
    """The metrics over the first `count` digits, taken in batches of `size`."""
    totals = Totals()
    with torch.no_grad():
        for number, batch in enumerate(Batches(digits(), index(0, count), size, CPU).in_order()):
            torch.manual_seed(number)
            totals.add(objective(kind).step(model, batch).sums)
    return totals.read()


def test_the_room_is_not_empty() -> None:
    assert set(KINDS) >= {"reconstruct", "denoise", "masked", "vae", "classify", "joint"}


@every
@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_reach_the_whole_encoder(kind: str, network: str) -> None:
    model = whole_model(network=NETWORKS[network], kind=kind).train()
    step = objective(kind).step(model, some_batch())
    assert step.loss.ndim == 0
    step.loss.backward()
    for name, parameter in model.encoder.named_parameters():
        assert parameter.grad is not None, f"{name} gets no gradient"
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), f"the gradient of {name} is zero everywhere"


@every
def test_its_sums_carry_no_graph_and_its_metric_is_among_them(kind: str) -> None:
    sums = objective(kind).step(whole_model(kind=kind), some_batch()).sums
    assert objective(kind).metric in sums
    assert not any(value.requires_grad for value, _ in sums.values())
    assert all(value.isfinite() for value, _ in sums.values())
    assert all(count == 16 for _, count in sums.values())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in DRAWS])
@pytest.mark.parametrize("size", [1, 5, 16, 46])
def test_a_last_small_batch_weighs_as_it_should(kind: str, size: int) -> None:
    model = whole_model(network=STEADY, kind=kind).eval()
    whole = means(kind, model, 47)
    assert means(kind, model, size) == pytest.approx(whole, rel=1e-5)


@every
@pytest.mark.parametrize("network", NETWORKS)
def test_a_last_batch_of_two_can_be_trained_on(kind: str, network: str) -> None:
    model = whole_model(network=NETWORKS[network], kind=kind).train()
    step = objective(kind).step(model, some_batch(2))
    step.loss.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert step.loss.isfinite() and all(g.isfinite().all() for g in grads)


@every
def test_judging_changes_nothing(kind: str) -> None:
    model = whole_model(kind=kind).eval()
    before = weights(model)
    assert means(kind, model, 8) == means(kind, model, 8)
    assert same(before, weights(model))


@every
@pytest.mark.parametrize("network", NETWORKS)
def test_it_learns_64_digits(kind: str, network: str) -> None:
    t = training(
        kind,
        (phase(groups_in_use(kind), epochs=20, learning_rate=1e-2),),
        model=whole_model(network=NETWORKS[network], kind=kind),
        images=(0, 64),
        validation=(0, 64),
    )
    learned, before = t.objective, validate(t)
    loss_before = loss_of(t)
    fit(t)
    after = validate(t)
    assert learned.score(after) > learned.score(before)
    assert validate(t) == after, "the same validation twice gave different numbers"
    assert loss_of(t) - floor(kind) < (loss_before - floor(kind)) / 2


def floor(kind: str) -> float:
    """What the loss cannot go below: the cross-entropy of grey pixels with themselves is not 0."""
    pixels = some_batch(64).images
    return float(F.binary_cross_entropy(pixels, pixels)) if kind == "vae" else 0.0


def loss_of(t: Training) -> float:
    """The loss of one large batch, with the draws of seed 0."""
    torch.manual_seed(0)
    return float(t.objective.step(t.model, some_batch(64)).loss.detach())


@every
def test_its_encoder_loads_for_transfer(kind: str, tmp_path: Path) -> None:
    t = training(kind, (phase(groups_in_use(kind)),), new_run(tmp_path / "run"))
    fit(t)
    assert t.run
    head = HeadSpec(hidden=(8,))
    classifier = build(ConvSpec.model_validate(dict(STEADY) | {"dropout": 0.1}), (1, 8, 8),
                       head=head, classes=10, seed=99)  # fmt: skip
    images = some_batch().images
    assert not torch.equal(classifier.eval().encode(images), t.model.eval().encode(images))
    first = checkpoint.load_encoder(t.run, classifier.encoder)
    assert torch.equal(classifier.encode(images), t.model.encode(images))
    assert first == checkpoint.load_encoder(t.run, classifier.encoder)
    assert len(first) == 64


@pytest.mark.parametrize("other", [MLPSpec(), ConvSpec(encoder_filters=(16, 8), latent=16)])
def test_an_encoder_of_another_network_is_refused(other: Any, tmp_path: Path) -> None:
    t = training("reconstruct", (phase(("encoder", "decoder"), epochs=1),), new_run(tmp_path / "r"))
    fit(t)
    assert t.run
    with pytest.raises(RunError, match="of another one") as caught:
        checkpoint.load_encoder(t.run, build(other, (1, 8, 8)).encoder)
    assert caught.value.code == "other-network"


def test_other_weights_have_another_fingerprint(tmp_path: Path) -> None:
    prints = set()
    for epochs in (1, 2):
        run = new_run(tmp_path / str(epochs))
        t = training("reconstruct", (phase(("encoder", "decoder"), epochs=epochs),), run)
        fit(t)
        prints.add(checkpoint.load_encoder(run, t.model.encoder))
    assert len(prints) == 2


def test_reconstruction_errors_are_those_of_the_references() -> None:
    model, batch = whole_model(network=STEADY).eval(), some_batch()
    sums = reconstruct.build(ReconstructSpec(loss="bce")).step(model, batch).sums
    pixels = batch.images.flatten(1).double().numpy()
    given = expit(model.pixel_logits(batch.images).detach().flatten(1).double().numpy())
    crossed = -(pixels * np.log(given) + (1 - pixels) * np.log(1 - given)).mean()
    assert float(sums["mse"][0]) / 16 == pytest.approx(mean_squared_error(pixels, given), rel=1e-5)
    assert float(sums["bce"][0]) / 16 == pytest.approx(crossed, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_the_loss_that_is_asked_for_goes_down(loss: Any) -> None:
    step = reconstruct.build(ReconstructSpec(loss=loss)).step(whole_model(), some_batch())
    assert float(step.loss.detach()) == pytest.approx(float(step.sums[loss][0]) / 16, rel=1e-6)


def test_reconstructions_are_judged_by_squared_error_whatever_the_loss() -> None:
    for loss in ("mse", "bce"):
        judge = reconstruct.build(ReconstructSpec(loss=loss))
        assert judge.score({"mse": 0.1, "bce": 9.0}) > judge.score({"mse": 0.2, "bce": 1.0})
