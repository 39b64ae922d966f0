"""The contract of every file in latens/objectives, and what each computes against references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
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
from scipy.special import expit, log_softmax
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error

from latens import catalog
from latens.data.batches import Batches
from latens.errors import RunError
from latens.metrics import Totals
from latens.nn.model import Model, build
from latens.objectives import classify, reconstruct
from latens.spec import ClassifySpec, ConvSpec, HeadSpec, MLPSpec, ReconstructSpec
from latens.train import checkpoint
from latens.train.loop import fit, validate

KINDS = catalog.names("objectives")
STEADY = ConvSpec(encoder_filters=(16, 16), decoder_filters=(16, 16), latent=16)
every = pytest.mark.parametrize("kind", KINDS)


def means(kind: str, model: Model, size: int, count: int = 47) -> dict[str, float]:
    """The metrics over the first `count` digits, taken in batches of `size`."""
    totals = Totals()
    with torch.no_grad():
        for batch in Batches(digits(), index(0, count), size, CPU).in_order():
            totals.add(objective(kind).step(model, batch).sums)
    return totals.read()


def test_the_room_is_not_empty() -> None:
    assert {"reconstruct", "classify"} <= set(KINDS)


@every
def test_gradients_reach_the_whole_encoder(kind: str) -> None:
    model = whole_model().train()
    step = objective(kind).step(model, some_batch())
    assert step.loss.ndim == 0
    step.loss.backward()
    for name, parameter in model.encoder.named_parameters():
        assert parameter.grad is not None, f"{name} gets no gradient"
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), f"the gradient of {name} is zero everywhere"


@every
def test_its_sums_carry_no_graph_and_its_metric_is_among_them(kind: str) -> None:
    sums = objective(kind).step(whole_model(), some_batch()).sums
    assert objective(kind).metric in sums
    assert not any(value.requires_grad for value, _ in sums.values())
    assert all(count == 16 for _, count in sums.values())


@every
@pytest.mark.parametrize("size", [1, 5, 16, 46])
def test_a_last_small_batch_weighs_as_it_should(kind: str, size: int) -> None:
    model = whole_model(network=STEADY).eval()
    whole = means(kind, model, 47)
    assert means(kind, model, size) == pytest.approx(whole, rel=1e-5)


@every
def test_judging_changes_nothing(kind: str) -> None:
    model = whole_model().eval()
    before = weights(model)
    assert means(kind, model, 8) == means(kind, model, 8)
    assert same(before, weights(model))


@every
def test_it_learns_64_digits(kind: str) -> None:
    t = training(
        kind,
        (phase(groups_in_use(kind), epochs=30, learning_rate=1e-2),),
        model=whole_model(network=STEADY),
        images=(0, 64),
        validation=(0, 64),
    )
    learned, before = t.objective, validate(t)
    loss_before = float(learned.step(t.model, some_batch(64)).loss.detach())
    fit(t)
    after = validate(t)
    assert learned.score(after) > learned.score(before)
    assert float(learned.step(t.model, some_batch(64)).loss.detach()) < loss_before / 2


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


def test_classification_is_that_of_the_references() -> None:
    model, batch = whole_model(network=STEADY).eval(), some_batch()
    assert batch.labels is not None
    sums = classify.build(ClassifySpec()).step(model, batch).sums
    scores = log_softmax(model.class_logits(batch.images).detach().double().numpy(), axis=1)
    truth = batch.labels.numpy()
    loss = log_loss(truth, np.exp(scores), labels=range(10))
    assert float(sums["loss"][0]) / 16 == pytest.approx(loss, rel=1e-5)
    assert int(sums["accuracy"][0]) / 16 == accuracy_score(truth, scores.argmax(1))


def test_equal_accuracies_are_told_apart_by_the_loss() -> None:
    judge = classify.build(ClassifySpec())
    assert judge.score({"accuracy": 0.9, "loss": 0.1}) > judge.score({"accuracy": 0.9, "loss": 0.2})
    assert judge.score({"accuracy": 0.9, "loss": 9.0}) > judge.score({"accuracy": 0.8, "loss": 0.2})


def test_label_smoothing_trains_but_is_not_reported() -> None:
    model, batch = whole_model(network=STEADY).train(), some_batch()
    model.head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(10))
    smooth, plain = (classify.build(ClassifySpec(label_smoothing=s)) for s in (0.2, 0.0))
    one, other = smooth.step(model, batch), plain.step(model, batch)
    assert float(one.sums["loss"][0]) == pytest.approx(float(other.sums["loss"][0]), rel=1e-6)
    logs = torch.log_softmax(model.class_logits(batch.images), 1)
    spread = 0.8 * other.loss - 0.2 * logs.mean()  # Szegedy et al. 2016, section 7
    assert torch.allclose(one.loss, spread, rtol=1e-5)
    model.eval()
    assert torch.equal(smooth.step(model, batch).loss, plain.step(model, batch).loss)
