"""Dropout with the ReLU before it: as torch does it, but for which places fall out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latens.kernels import ops
from latens.nn.fused import drop, native

pytestmark = pytest.mark.usefixtures("native")

LAYOUTS = [torch.contiguous_format, torch.channels_last]
MANY = 1_000_000


def drawn(layout: torch.memory_format, dtype: torch.dtype) -> Tensor:
    x = torch.randn(5, 7, 9, 11, generator=torch.Generator().manual_seed(0))
    return x.to(dtype, memory_format=layout).requires_grad_()


def kept(seed: int, rate: float = 0.25, count: int = MANY) -> Tensor:
    return ops.dropout(torch.ones(count), rate, seed, relu=False) > 0


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_stays_is_scaled_and_so_is_its_gradient(
    layout: torch.memory_format, dtype: torch.dtype, relu: bool
) -> None:
    x = drawn(layout, dtype)
    y = ops.dropout(x, 0.4, 3, relu=relu)
    stays = ops.dropout(torch.ones_like(x), 0.4, 3, relu=False) > 0
    assert 0.5 < stays.float().mean() < 0.7
    wanted = ((F.relu(x.float()) if relu else x.float()) * stays / 0.6).to(dtype)
    torch.testing.assert_close(y, wanted)
    assert y.stride() == x.stride()
    upwards = torch.randn_like(x).contiguous()  # in another layout than the map
    (gradient,) = torch.autograd.grad(y, x, upwards)
    through = stays & (x > 0) if relu else stays
    torch.testing.assert_close(gradient, (upwards.float() * through / 0.6).to(dtype))


@pytest.mark.parametrize("rate", [0.01, 0.25, 0.5, 0.8])
def test_as_many_fall_out_as_were_asked_for(rate: float) -> None:
    for seed in (0, 1, -1, 2**62 + 5):
        share = kept(seed, rate).double().mean()
        assert abs(share - (1 - rate)) < 5 * (rate * (1 - rate) / MANY) ** 0.5


@pytest.mark.parametrize("apart", [1, 2, 8, 64, 784, 4096, 65_536])
def test_neighbours_fall_out_independently(apart: int) -> None:
    """Of two places near or far, and of one place under two seeds."""
    first, other = kept(7, 0.5), kept(7 + apart, 0.5)
    pairs = [(first[apart:], first[:-apart]), (first, other), (first, kept(7 + (apart << 32), 0.5))]
    for one, two in pairs:
        agree = (one == two).double().mean()
        assert abs(agree - 0.5) < 5 * 0.5 / len(one) ** 0.5


def test_the_same_seed_drops_the_same_whatever_the_threads(two_threads: None) -> None:
    by_two = kept(11)
    torch.set_num_threads(1)
    assert by_two.equal(kept(11))
    assert not by_two.equal(kept(12))


@pytest.mark.parametrize("relu", [False, True])
def test_nan_is_not_hidden(relu: bool) -> None:
    y = ops.dropout(torch.full((1000,), float("nan")), 0.5, 1, relu=relu)
    assert 300 < y.isnan().sum() < 700 and not y[~y.isnan()].any()


def test_where_it_applies() -> None:
    assert ops.dropout_applies(torch.rand(3, 4)) and ops.dropout_applies(torch.rand(2, 3, 4, 5))
    assert not ops.dropout_applies(torch.rand(3, 4).t())
    assert not ops.dropout_applies(torch.rand(3, 4).double())
    assert not ops.dropout_applies(torch.rand(0, 4))


def test_layers_use_it_in_training_alone() -> None:
    relu, dropout, x = nn.ReLU(inplace=True), nn.Dropout(0.5), torch.randn(64, 64)
    before = x.clone()
    with native.as_before():
        native.use(True)
        torch.manual_seed(4)
        y = drop._run([relu, dropout], x)
        assert x.equal(before), "the input is left as it was"
        torch.manual_seed(4)
        assert y.equal(drop._run([relu, dropout], x)), "the step's seed decides"
        assert not y.equal(drop._run([relu, dropout], x))
        assert drop._run([relu, dropout.eval()], x.clone()).equal(F.relu(x))
        for rate in (0.0, 1.0):
            wanted = F.relu(x) * (1 - rate)
            assert drop._run([nn.ReLU(), nn.Dropout(rate)], x.clone()).equal(wanted)
