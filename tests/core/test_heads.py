"""Heads: every kind on every stage gives one score a class, or says where it could stand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from latens.errors import UsageError
from latens.nn.model import Model, build, count_parameters
from latens.spec import ConvSpec, HeadSpec, MLPSpec, ResidualSpec

REPORT_2 = ConvSpec()
NETWORKS: dict[str, Any] = {
    "conv": ConvSpec(encoder_filters=(3, 4), decoder_filters=(3, 3), latent=6),
    "mlp": MLPSpec(hidden=(8,), latent=5),
    "residual": ResidualSpec(widths=(4, 6), blocks=1, patch=2, latent=5),
}
MAPS = [("conv", s) for s in ("block1", "block2")]
MAPS += [("residual", s) for s in ("patch", "stage1", "stage2")]
CODES = [("conv", "code"), ("mlp", "layer1"), ("mlp", "code"), ("residual", "code")]


def scores(model: Model, count: int = 3) -> torch.Tensor:
    """Class scores in training mode, whose gradients went back through the head."""
    logits = model.train().class_logits(torch.rand(count, 2, 9, 9))
    logits.sum().backward()
    assert model.head is not None
    assert all(p.grad is not None for p in model.head.parameters())
    return logits


@pytest.mark.parametrize("pool", ["flatten", "mean", "mean-max"])
@pytest.mark.parametrize("latent", [None, 6])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_heads_give_a_score_a_class(pool: Any, latent: int | None, hidden: tuple[int, ...]) -> None:
    spec = ConvSpec(encoder_filters=(3,), decoder_filters=(3,), down_after=(1,), latent=latent)
    model = build(spec, (2, 9, 9), head=HeadSpec(hidden=hidden, pool=pool), classes=4)
    assert model.class_logits(torch.rand(3, 2, 9, 9)).shape == (3, 4)


def test_pooled_heads_are_narrower() -> None:
    def width(pool: Any) -> int:
        model = build(REPORT_2, (1, 28, 28), head=HeadSpec(hidden=(), pool=pool), classes=10)
        assert model.head is not None
        return count_parameters(model.head) // 10 - 1

    assert (width("flatten"), width("mean"), width("mean-max")) == (1_568, 32, 64)


@pytest.mark.parametrize(("network", "stage"), MAPS + CODES)
@pytest.mark.parametrize("kind", ["dense", "conv1d"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_heads_stand_on_every_stage(network: str, stage: str, kind: Any, kernel: int) -> None:
    head = HeadSpec(kind=kind, hidden=(5,), filters=(2, 3, 4), kernel_size=kernel, stage=stage)
    model = build(NETWORKS[network], (2, 9, 9), head=head, classes=4)
    assert scores(model).shape == (3, 4)


@pytest.mark.parametrize(("network", "stage"), MAPS)
@pytest.mark.parametrize("pool", ["flatten", "mean", "mean-max"])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_convolutions_stand_on_maps(network: str, stage: str, pool: Any, kernel: int) -> None:
    filters = (2, 3, 4, 5, 6)  # more than there is room to halve 9 pixels
    head = HeadSpec(kind="conv2d", filters=filters, kernel_size=kernel, stage=stage, pool=pool)
    assert scores(build(NETWORKS[network], (2, 9, 9), head=head, classes=4)).shape == (3, 4)


@pytest.mark.parametrize(("network", "stage"), CODES)
def test_convolutions_on_a_dense_code_are_refused(network: str, stage: str) -> None:
    with pytest.raises(UsageError, match="feature maps for a head of kind conv2d") as caught:
        build(NETWORKS[network], (2, 9, 9), head=HeadSpec(kind="conv2d", stage=stage), classes=4)
    assert caught.value.code == "no-feature-maps"
    assert ", ".join(build(NETWORKS[network], (2, 9, 9)).stages()) in caught.value.hint


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(UsageError, match=r"name of a stage \(block1, block2, code\)") as caught:
        build(NETWORKS["conv"], (2, 9, 9), head=HeadSpec(stage="blok2"), classes=4)
    assert caught.value.code == "unknown-stage"
    assert "block2" in caught.value.hint


def test_a_head_reads_its_stage_and_no_later_one() -> None:
    model = build(NETWORKS["conv"], (2, 9, 9), head=HeadSpec(stage="block1"), classes=4).eval()
    images = torch.rand(3, 2, 9, 9)
    before = model.class_logits(images)
    torch.nn.init.zeros_(model.encoder.block2[0].weight)
    assert torch.equal(model.class_logits(images), before)
    torch.nn.init.zeros_(model.encoder.block1[0].weight)
    assert not torch.equal(model.class_logits(images), before)


@pytest.mark.parametrize("stage", [None, "block1", "code"])
def test_both_kinds_of_logits_of_one_pass(stage: str | None) -> None:
    head = HeadSpec(stage=stage)
    model = build(NETWORKS["conv"], (2, 9, 9), decoder=True, head=head, classes=4).eval()
    images = torch.rand(3, 2, 9, 9)
    pixels, classes = model.both_logits(images)
    assert torch.equal(pixels, model.pixel_logits(images))
    assert torch.equal(classes, model.class_logits(images))


def test_building_a_head_leaves_the_encoder_as_it_was() -> None:
    plain = build(NETWORKS["conv"], (2, 9, 9), seed=1)
    headed = build(NETWORKS["conv"], (2, 9, 9), head=HeadSpec(stage="block1"), classes=4, seed=1)
    assert headed.training and headed.encoder.training
    assert plain.encoder.state_dict().keys() == headed.encoder.state_dict().keys()
    for name, value in plain.encoder.state_dict().items():
        assert torch.equal(value, headed.encoder.state_dict()[name]), name
