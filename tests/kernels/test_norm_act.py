"""Batch normalisation with ReLU and pooling: against torch in float64, NaN and ties as torch."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from latens.kernels import ops

pytestmark = pytest.mark.usefixtures("native")

# Many and few channels, odd and even sides, a single row, several chunks of work.
SHAPES = [
    (4, 32, 28, 28),
    (3, 5, 7, 9),
    (2, 1, 6, 5),
    (2, 3, 1, 8),
    (8, 600, 3, 3),
    (128, 32, 7, 7),
]
WAYS = list(itertools.product((False, True), repeat=2))


def drawn(*shape: int, mean: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """A map with channels last, scales of both signs, and biases."""
    torch.manual_seed(0)
    x = (torch.randn(shape) + mean).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(shape[1]), torch.randn(shape[1]).abs()
    return x, weight, bias  # positive biases, so that no channel is all zero after a ReLU


def by_torch(x: Tensor, weight: Tensor, bias: Tensor, relu: bool, pool: bool) -> Tensor:
    y = F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)
    y = F.relu(y) if relu else y
    return F.max_pool2d(y, 2, ceil_mode=True) if pool else y


def gradients(y: Tensor, inputs: tuple[Tensor, ...], dy: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(y, inputs, dy.to(y.dtype))


def worst(actual: Tensor, expected: Tensor) -> float:
    """The largest error, as a part of the largest value."""
    assert actual.shape == expected.shape
    actual, expected = actual.detach(), expected.detach()
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("mean", [0.0, 10.0])
@pytest.mark.parametrize("relu, pool", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_as_float64(shape: tuple[int, ...], relu: bool, pool: bool, mean: float) -> None:
    inputs = tuple(t.requires_grad_() for t in drawn(*shape, mean=mean))
    precise = tuple(t.detach().double().contiguous().requires_grad_() for t in inputs)
    y, mean_C, var_C = ops.norm_act(*inputs, 1e-5, relu=relu, pool=pool)
    expected = by_torch(*precise, relu, pool)
    assert worst(y, expected) < 2e-6
    assert worst(mean_C, precise[0].mean((0, 2, 3))) < 2e-6
    assert worst(var_C, precise[0].var((0, 2, 3), correction=0)) < 2e-6
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert not mean_C.requires_grad and not var_C.requires_grad
    dy = torch.randn(y.shape)
    for mine, torchs in zip(
        gradients(y, inputs, dy), gradients(expected, precise, dy), strict=True
    ):
        assert worst(mine, torchs) < 1e-5


@pytest.mark.parametrize("relu, pool", WAYS)
def test_a_large_mean_costs_no_more_than_its_own_digits(relu: bool, pool: bool) -> None:
    x, weight, bias = drawn(16, 4, 14, 14, mean=1000.0)
    y, _, var_C = ops.norm_act(x, weight, bias, 1e-5, relu=relu, pool=pool)
    assert worst(y, by_torch(x.double(), weight.double(), bias.double(), relu, pool)) < 1e-4
    assert worst(var_C, x.double().var((0, 2, 3), correction=0)) < 1e-6


@pytest.mark.parametrize("relu, pool", WAYS)
def test_nan_is_where_torch_has_it(relu: bool, pool: bool) -> None:
    """One NaN makes its channel NaN; an infinity too; the other channels stay as they were."""
    x, weight, bias = drawn(2, 6, 5, 5)
    x[0, 1, 2, 3], x[1, 4, 0, 0] = float("nan"), float("inf")
    inputs = tuple(t.requires_grad_() for t in (x, weight, bias))
    precise = tuple(t.detach().double().contiguous().requires_grad_() for t in inputs)
    y, _, _ = ops.norm_act(*inputs, 1e-5, relu=relu, pool=pool)
    expected = by_torch(*precise, relu, pool)
    assert torch.equal(y.isnan(), expected.isnan())
    dy = torch.ones(y.shape)
    for mine, torchs in zip(
        gradients(y, inputs, dy), gradients(expected, precise, dy), strict=True
    ):
        assert torch.equal(mine.isnan(), torchs.isnan())


@pytest.mark.parametrize("relu", [False, True])
def test_of_equals_in_a_window_the_first_learns(relu: bool) -> None:
    torch.manual_seed(0)
    x = torch.randint(0, 3, (4, 5, 7, 7)).float().contiguous(memory_format=torch.channels_last)
    inputs = tuple(t.requires_grad_() for t in (x, torch.randn(5), torch.randn(5)))
    precise = tuple(t.detach().double().contiguous().requires_grad_() for t in inputs)
    y, _, _ = ops.norm_act(*inputs, 1e-5, relu=relu, pool=True)
    dy = torch.randn(y.shape)
    expected = gradients(by_torch(*precise, relu, True), precise, dy)
    for mine, torchs in zip(gradients(y, inputs, dy), expected, strict=True):
        assert worst(mine, torchs) < 1e-5


@pytest.mark.parametrize("relu, pool", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_bfloat16_is_float32_rounded_once(shape: tuple[int, ...], relu: bool, pool: bool) -> None:
    x, weight, bias = drawn(*shape)
    dy, found = None, []
    for map_ in (x.bfloat16(), x.bfloat16().float()):
        inputs = tuple(t.detach().requires_grad_() for t in (map_, weight, bias))
        y, mean, var = ops.norm_act(*inputs, 1e-5, relu=relu, pool=pool)
        dy = torch.randn(y.shape).bfloat16() if dy is None else dy
        found.append((y, mean, var, *gradients(y, inputs, dy)))
    (y, mean, var, dx, *rest), (precise_y, *precise_two, precise_dx, _, _) = found
    assert y.dtype == dx.dtype == torch.bfloat16
    assert torch.equal(y, precise_y.bfloat16())
    assert torch.equal(mean, precise_two[0]) and torch.equal(var, precise_two[1])
    assert all(torch.equal(a, b) for a, b in zip(rest, found[1][4:], strict=True))
    # The compiler may join a product and a sum in one of the two loops.
    torch.testing.assert_close(dx.float(), precise_dx, rtol=2**-8, atol=1e-6)


def test_bfloat16_keeps_what_is_no_number() -> None:
    x, weight, bias = drawn(2, 16, 4, 4)
    x[0, 3, 1, 1] = torch.nan
    y, _, _ = ops.norm_act(x.bfloat16(), weight, bias, 1e-5, relu=True, pool=False)
    assert y[:, 3].isnan().all() and y[:, :3].isfinite().all()


def results(relu: bool, pool: bool) -> list[Tensor]:
    inputs = tuple(t.requires_grad_() for t in drawn(32, 24, 15, 15))
    y, mean_C, var_C = ops.norm_act(*inputs, 1e-5, relu=relu, pool=pool)
    return [y, mean_C, var_C, *gradients(y, inputs, torch.randn(y.shape))]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("relu, pool", WAYS)
def test_the_same_bits_with_any_number_of_threads(relu: bool, pool: bool) -> None:
    with_two = results(relu, pool)
    again = results(relu, pool)
    torch.set_num_threads(1)
    with_one = results(relu, pool)
    for a, b, c in zip(with_two, again, with_one, strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)


def test_a_gradient_may_come_in_any_layout() -> None:
    inputs = tuple(t.requires_grad_() for t in drawn(2, 4, 6, 6))
    dy = torch.randn(2, 4, 3, 3)
    found = []
    for layout in (dy.contiguous(memory_format=torch.channels_last), dy.contiguous()):
        y, _, _ = ops.norm_act(*inputs, 1e-5, relu=True, pool=True)
        found.append(gradients(y, inputs, layout))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    y, _, _ = ops.norm_act(*inputs, 1e-5, relu=True, pool=True)
    y.sum().backward()  # a gradient that is one number, expanded
    assert inputs[2].grad is not None and worst(inputs[2].grad, (y > 0).sum((0, 2, 3)) * 1.0) == 0


def test_second_derivatives_are_refused() -> None:
    x, weight, bias = drawn(2, 4, 6, 6)
    y, _, _ = ops.norm_act(x.requires_grad_(), weight, bias, 1e-5, relu=False, pool=False)
    (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        dx.sum().backward()


def test_where_it_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = drawn(2, 4, 6, 6)
    assert ops.norm_act_applies(x, weight) and ops.norm_act_applies(x.bfloat16(), weight)
    assert not ops.norm_act_applies(x.bfloat16(), weight.bfloat16()), "it would be read as float32"
    with pytest.raises(RuntimeError):
        ops.norm_act(x.bfloat16(), weight.bfloat16(), bias, 1e-5, relu=True, pool=False)
    wrong = {
        "another layout": x.contiguous(),
        "another type": x.double(),
        "half precision": x.half(),
        "no images": x[:0],
        "every other row": x[:, :, ::2],
        "a matrix": x.flatten(1),
        "no device": x.to("meta"),
        "one value in a channel": x[:1, :, :1, :1],
    }
    assert [why for why, map_ in wrong.items() if ops.norm_act_applies(map_, weight)] == []
    monkeypatch.setenv("LATENS_KERNELS", "off")
    assert not ops.norm_act_applies(x, weight)
