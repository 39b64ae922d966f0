"""Classification against references, answers to unequal class counts, and joint training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from core_tiny import HEAD, some_batch, whole_model
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, log_loss
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

from latens.data.batches import Batch
from latens.data.image_set import UNLABELLED
from latens.errors import UsageError
from latens.metrics import Totals
from latens.nn.model import Model, build
from latens.objectives import classify, joint, reconstruct
from latens.spec import ClassifySpec, ConvSpec, JointSpec, ReconstructSpec, parse

STEADY = ConvSpec(encoder_filters=(16, 16), decoder_filters=(16, 16), latent=16)
COUNTS = torch.tensor([5, 1, 9, 20, 3, 3, 3, 40, 7, 9])
KINDS: dict[str, Any] = {"classify": (classify, ClassifySpec), "joint": (joint, JointSpec)}
both = pytest.mark.parametrize("kind", KINDS)


def balanced(kind: str, balance: str, counts: Tensor | None = COUNTS, **fields: Any) -> Any:
    """An objective of this kind, with only the classes in its loss."""
    room, spec = KINDS[kind]
    if kind == "joint":
        fields["reconstruct_weight"] = 0.0
    return room.build(parse(spec, {"balance": balance, **fields}), counts)


def scored(batch: Batch) -> tuple[Model, np.ndarray, np.ndarray]:
    """A model, its log probabilities for the batch as float64, and the labels."""
    model = whole_model(network=STEADY).eval()
    assert batch.labels is not None
    return model, model.class_logits(batch.images).detach().double().numpy(), batch.labels.numpy()


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


def training_mode(model: Model) -> Model:
    """Training as far as an objective can see, with layers that do the same as outside of it."""
    model.eval()
    model.training = True
    return model


@both
def test_class_weights_are_those_of_the_reference(kind: str) -> None:
    model, scores, truth = scored(some_batch())
    everyone = np.repeat(np.arange(10), COUNTS.numpy())
    weights = compute_class_weight("balanced", classes=np.arange(10), y=everyone)
    logs = log_softmax(scores, axis=1)[np.arange(16), truth]
    step = balanced(kind, "class-weights").step(training_mode(model), some_batch())
    assert step.loss.item() == pytest.approx(-(weights[truth] * logs).mean(), rel=1e-5)
    assert weights[everyone].mean() == pytest.approx(1)


@both
def test_balanced_softmax_is_the_formula(kind: str) -> None:
    """Ren et al. 2020, equation 3: n_y e^(s_y) over the sum of n_k e^(s_k)."""
    model, scores, truth = scored(some_batch())
    weighed = COUNTS.numpy() * np.exp(scores)
    share = weighed[np.arange(16), truth] / weighed.sum(1)
    step = balanced(kind, "balanced-softmax").step(training_mode(model), some_batch())
    assert step.loss.item() == pytest.approx(-np.log(share).mean(), rel=1e-5)


@both
@pytest.mark.parametrize("balance", ["class-weights", "balanced-softmax"])
def test_what_is_reported_is_the_plain_loss(kind: str, balance: str) -> None:
    model = whole_model(network=STEADY)
    plain = balanced(kind, "none", None).step(training_mode(model), some_batch())
    step = balanced(kind, balance).step(training_mode(model), some_batch())
    assert step.loss != plain.loss
    assert step.sums["loss"] == plain.sums["loss"]
    assert torch.equal(balanced(kind, balance).step(model.eval(), some_batch()).loss, plain.loss)


@both
@pytest.mark.parametrize("balance", ["class-weights", "balanced-softmax"])
def test_equal_counts_change_nothing(kind: str, balance: str) -> None:
    model = training_mode(whole_model(network=STEADY))
    plain = balanced(kind, "none", None, label_smoothing=0.1).step(model, some_batch()).loss
    same = balanced(kind, balance, torch.full((10,), 7), label_smoothing=0.1)
    assert torch.allclose(same.step(model, some_batch()).loss, plain, rtol=1e-5)


@both
@pytest.mark.parametrize("balance", ["class-weights", "balanced-softmax"])
def test_a_class_without_images_does_no_harm(kind: str, balance: str) -> None:
    counts = torch.where(torch.arange(10) < 3, 0, COUNTS)
    batch = some_batch()
    assert batch.labels is not None
    known = batch.labels >= 3
    batch = Batch(batch.images[known], batch.labels[known])
    model = training_mode(whole_model(network=STEADY))
    assert balanced(kind, balance, counts, label_smoothing=0.1).step(model, batch).loss.isfinite()


@both
@pytest.mark.parametrize("balance", ["class-weights", "balanced-softmax", "logit-adjustment"])
def test_balance_without_counts_is_refused(kind: str, balance: str) -> None:
    with pytest.raises(UsageError, match=f"balance {balance}; got none") as caught:
        balanced(kind, balance, None)
    assert caught.value.code == "no-class-counts"


@both
def test_logit_adjustment_is_made_after_training_and_by_the_model(kind: str) -> None:
    """Menon et al. 2021, equation 9: s_y - log(n_y / n), and plain scores in training."""
    spec = parse(KINDS[kind][1], {"balance": "logit-adjustment"})
    plain = build(STEADY, (1, 8, 8), decoder=True, head=HEAD, classes=10)
    model = build(STEADY, (1, 8, 8), decoder=True, head=HEAD, classes=10, objective=spec)
    model.set_class_counts(COUNTS)
    images = some_batch().images
    assert torch.equal(
        training_mode(model).class_logits(images), training_mode(plain).class_logits(images)
    )
    adjusted = plain.eval().class_logits(images) - (COUNTS / COUNTS.sum()).log()
    assert torch.allclose(model.eval().class_logits(images), adjusted, atol=1e-6)
    again = build(STEADY, (1, 8, 8), decoder=True, head=HEAD, classes=10, objective=spec, seed=5)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval().class_logits(images), model.class_logits(images))
    batch = some_batch()
    learned = balanced(kind, "logit-adjustment").step(training_mode(model), batch).loss
    assert torch.equal(learned, balanced(kind, "none").step(training_mode(plain), batch).loss)
    judged = balanced(kind, "logit-adjustment").step(model.eval(), batch).loss
    assert not torch.equal(judged, learned)


def test_logit_adjustment_is_not_balanced_softmax() -> None:
    """One is made of the trained scores, the other is learned: their losses and scores differ."""
    spec = ClassifySpec(balance="logit-adjustment")
    model = build(STEADY, (1, 8, 8), head=HEAD, classes=10, objective=spec)
    model.set_class_counts(COUNTS)
    after, during = (balanced("classify", b) for b in ("logit-adjustment", "balanced-softmax"))
    batch = some_batch()
    assert after.step(training_mode(model), batch).loss != during.step(model, batch).loss


def test_other_models_are_told_counts_in_vain() -> None:
    model = whole_model()
    model.set_class_counts(COUNTS)
    assert model.log_prior is None


def test_joint_weighs_the_two_losses() -> None:
    model, batch = whole_model(network=STEADY).eval(), some_batch()
    given = reconstruct.build(ReconstructSpec()).step(model, batch)
    named = classify.build(ClassifySpec()).step(model, batch)
    spec = JointSpec(reconstruct_weight=3.0, classify_weight=0.5)
    step = joint.build(spec).step(model, batch)
    assert torch.allclose(step.loss, 3 * given.loss + 0.5 * named.loss)
    assert step.sums == {**given.sums, **named.sums}


def test_images_without_label_are_only_reconstructed() -> None:
    model, batch = whole_model(network=STEADY).eval(), some_batch()
    assert batch.labels is not None
    hidden = torch.arange(16) % 3 > 0
    some = Batch(batch.images, batch.labels.masked_fill(hidden, UNLABELLED))
    known = Batch(batch.images[~hidden], batch.labels[~hidden])
    step = joint.build(JointSpec()).step(model, some)
    named = classify.build(ClassifySpec()).step(model, known)
    given = reconstruct.build(ReconstructSpec()).step(model, batch)
    assert torch.allclose(step.loss, given.loss + named.loss)
    totals = Totals()
    totals.add(step.sums)
    assert totals.read() == pytest.approx(
        {
            "mse": given.loss.item(),
            "loss": named.loss.item(),
            "accuracy": float(named.sums["accuracy"][0]) / len(known),
        }
    )


def test_a_batch_without_any_label_teaches_to_reconstruct() -> None:
    model, batch = whole_model(network=STEADY).train(), some_batch()
    none = Batch(batch.images, torch.full((16,), UNLABELLED))
    step = joint.build(JointSpec()).step(model, none)
    step.loss.backward()
    assert model.head is not None
    assert all(p.grad is None or not p.grad.any() for p in model.head.parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.encoder.parameters())
    totals = Totals()
    totals.add(step.sums)
    assert set(totals.read()) == {"mse"}
    assert joint.build(JointSpec()).score(totals.read()) < (0.1, 0.0, 0.0)


@pytest.mark.parametrize("size", [1, 5, 16, 46])
def test_means_over_the_labelled_are_exact_whatever_the_batch(size: int) -> None:
    model, batch = whole_model(network=STEADY).eval(), some_batch(47)
    assert batch.labels is not None
    labels = batch.labels.masked_fill(torch.arange(47) % 4 > 0, UNLABELLED)
    whole, parts, judge = Totals(), Totals(), joint.build(JointSpec())
    whole.add(judge.step(model, Batch(batch.images, labels)).sums)
    for images, some in zip(batch.images.split(size), labels.split(size), strict=True):
        parts.add(judge.step(model, Batch(images, some)).sums)
    assert parts.read() == pytest.approx(whole.read(), rel=1e-5)


def test_learned_weights_begin_as_asked_and_have_the_right_best() -> None:
    """w L - log(w) / 2 is least at w = 1 / 2L, where its slope is 0."""
    spec = JointSpec(learned=True, reconstruct_weight=4.0, classify_weight=0.5)
    model = build(STEADY, (1, 8, 8), decoder=True, head=HEAD, classes=10, objective=spec).eval()
    weights = dict(model.named_parameters())["head.log_weights"]
    assert weights.detach().exp().tolist() == pytest.approx([4.0, 0.5])
    step = joint.build(spec).step(model, some_batch())
    errors = torch.stack([step.sums[name][0] / 16 for name in ("mse", "loss")])
    wanted = (4 * errors[0] + 0.5 * errors[1] - weights.detach().sum() / 2).item()
    assert step.loss.item() == pytest.approx(wanted)
    with torch.no_grad():
        weights.copy_((1 / (2 * errors)).log())
    joint.build(spec).step(model, some_batch()).loss.backward()  # type: ignore[no-untyped-call]
    assert weights.grad is not None
    assert weights.grad.tolist() == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("weight", ["reconstruct_weight", "classify_weight"])
def test_learned_weights_cannot_begin_at_nothing(weight: str) -> None:
    with pytest.raises(UsageError, match="must start above 0"):
        parse(JointSpec, {"learned": True, weight: 0.0})
