"""Convolutions between few and many channels, against torch in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from latens.kernels import ops

pytestmark = pytest.mark.usefixtures("native")

# images, thin and wide channels, kernel, stride, padding, height, width: also maps smaller than the
# kernel, several chunks of work, and strides that leave the last places out
FIRST = [
    (3, 1, 32, 3, 1, 1, 28, 28),
    (2, 3, 16, 5, 2, 2, 11, 8),
    (4, 4, 48, 7, 1, 3, 9, 9),
    (2, 2, 16, 1, 1, 0, 5, 6),
    (2, 1, 16, 3, 2, 0, 8, 7),
    (2, 3, 32, 5, 3, 4, 10, 7),
    (2, 3, 16, 7, 1, 3, 2, 3),
    (40, 1, 64, 3, 1, 1, 14, 14),
]
LAST = [case for case in FIRST if case[4] == 1] + [(2, 3, 32, 5, 1, 4, 10, 21)]


def drawn(*shape: int, last: bool = True) -> Tensor:
    x = torch.randn(shape)
    return x.contiguous(memory_format=torch.channels_last) if last else x


def worst(actual: Tensor, expected: Tensor) -> float:
    """The largest error, as a part of the largest value."""
    assert actual.shape == expected.shape
    actual, expected = actual.detach(), expected.detach()
    return float((actual - expected).abs().max() / expected.abs().max())


def gradients(y: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    return torch.autograd.grad(y, inputs, torch.randn(y.shape).to(y.dtype))


def agrees(y: Tensor, inputs: list[Tensor], expected: Tensor, precise: list[Tensor]) -> None:
    assert worst(y, expected) < 2e-6
    assert y.is_contiguous(memory_format=torch.channels_last)
    mine, torchs = gradients(y, inputs), gradients(expected, precise)
    assert max(map(worst, mine, torchs)) < 1e-5


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("case", FIRST)
def test_first_as_float64(case: tuple[int, ...], last: bool, biased: bool) -> None:
    images, thin, wide, side, stride, padding, height, width = case
    torch.manual_seed(0)
    tensors = [drawn(images, thin, height, width, last=last), torch.randn(wide, thin, side, side)]
    tensors += [torch.randn(wide)] * biased
    inputs = [t.requires_grad_() for t in tensors]
    precise = [t.detach().double().requires_grad_() for t in tensors]
    x, weight, bias = (*inputs, None)[:3]
    assert ops.thin_in_applies(x, weight, bias, stride, padding) == (thin == 1)
    y = ops.thin_in(x, weight, bias, stride, padding)
    agrees(y, inputs, F.conv2d(*precise, stride=stride, padding=padding), precise)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("case", LAST)
def test_last_as_float64(case: tuple[int, ...], biased: bool) -> None:
    images, thin, wide, side, _, padding, height, width = case
    torch.manual_seed(0)
    tensors = [drawn(images, wide, height, width), torch.randn(thin, wide, side, side)]
    tensors += [torch.randn(thin)] * biased
    inputs = [t.requires_grad_() for t in tensors]
    precise = [t.detach().double().requires_grad_() for t in tensors]
    x, weight, bias = (*inputs, None)[:3]
    assert ops.thin_out_applies(x, weight, bias, padding)
    y = ops.thin_out(x, weight, bias, padding)
    agrees(y, inputs, F.conv2d(*precise, padding=padding), precise)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(
    "case", [(3, 1, 32, 14, 14), (2, 3, 16, 5, 9), (2, 4, 48, 1, 2), (40, 1, 16, 7, 7)]
)
def test_doubling_last_as_float64(case: tuple[int, ...], biased: bool) -> None:
    images, thin, wide, height, width = case
    torch.manual_seed(0)
    tensors = [drawn(images, wide, height, width), torch.randn(wide, thin, 4, 4)]
    tensors += [torch.randn(thin)] * biased
    inputs = [t.requires_grad_() for t in tensors]
    precise = [t.detach().double().requires_grad_() for t in tensors]
    x, weight, bias = (*inputs, None)[:3]
    assert ops.thin_up_applies(x, weight, bias)
    y = ops.thin_up(x, weight, bias)
    agrees(y, inputs, F.conv_transpose2d(*precise, stride=2, padding=1), precise)


@pytest.mark.parametrize("case", [case for case in FIRST if case[1] == 1])
def test_first_in_mixed_precision_is_float32_rounded_once(case: tuple[int, ...]) -> None:
    images, thin, wide, side, stride, padding, height, width = case
    torch.manual_seed(0)
    x, bias = drawn(images, thin, height, width).requires_grad_(), torch.randn(wide)
    weight, bias = torch.randn(wide, thin, side, side).requires_grad_(), bias.requires_grad_()
    y = ops.thin_in(x, weight, bias, stride, padding)
    with torch.autocast("cpu", torch.bfloat16):
        assert ops.thin_in_applies(x, weight, bias, stride, padding)
        mixed = ops.thin_in(x, weight, bias, stride, padding)
    assert torch.equal(mixed, y.bfloat16())
    dy = torch.randn(y.shape).bfloat16()
    found = torch.autograd.grad(mixed, [x, weight, bias], dy)
    expected = torch.autograd.grad(y, [x, weight, bias], dy.float())
    assert [g.dtype for g in found] == [torch.float32] * 3
    assert worst(found[0], expected[0]) < 1e-2  # torch's own
    assert torch.equal(found[1], expected[1])
    assert worst(found[2], expected[2]) < 1e-5


@pytest.mark.parametrize("side", [3, 4])
@pytest.mark.parametrize("thin", [1, 3])
def test_last_of_a_bfloat16_map_computes_in_float32(thin: int, side: int) -> None:
    torch.manual_seed(0)
    x, bias = drawn(3, 32, 9, 10).bfloat16().requires_grad_(), torch.randn(thin).requires_grad_()
    shape = (thin, 32, 3, 3) if side == 3 else (32, thin, 4, 4)
    weight = torch.randn(shape).requires_grad_()
    wide = x.detach().float().requires_grad_()
    if side == 3:
        assert ops.thin_out_applies(x, weight, bias, 1)
        mixed, y = (ops.thin_out(of, weight, bias, 1) for of in (x, wide))
    else:
        assert ops.thin_up_applies(x, weight, bias)
        mixed, y = (ops.thin_up(of, weight, bias) for of in (x, wide))
    assert torch.equal(mixed, y)
    dy = torch.randn(y.shape)
    found = torch.autograd.grad(mixed, [x, weight, bias], dy)
    expected = torch.autograd.grad(y, [wide, weight, bias], dy)
    assert found[0].dtype == torch.bfloat16
    assert torch.equal(found[0], expected[0].bfloat16())
    assert torch.equal(found[1], expected[1]) and torch.equal(found[2], expected[2])


def test_a_bfloat16_that_is_not_a_number_stays_so() -> None:
    x, weight = drawn(1, 1, 5, 5), torch.ones(16, 1, 1, 1)
    x[0, 0, 2, 2], x[0, 0, 1, 1] = float("nan"), float("inf")
    with torch.autocast("cpu", torch.bfloat16):
        y = ops.thin_in(x, weight, None, 1, 0)
    assert torch.equal(y[:, :1].isnan(), x.isnan()) and bool(y[0, 3, 1, 1].isinf())


def test_only_what_is_asked_for_is_differentiated() -> None:
    x, weight = drawn(2, 1, 8, 8), torch.randn(16, 1, 3, 3, requires_grad=True)
    y = ops.thin_in(x, weight, None, 1, 1)
    y.backward(torch.ones_like(y))
    assert weight.grad is not None and x.grad is None
    wide = drawn(2, 16, 8, 8).requires_grad_()
    ops.thin_out(wide, weight.detach().transpose(0, 1), None, 1).sum().backward()
    assert wide.grad is not None


def test_not_a_number_stays_in_the_places_that_meet_it() -> None:
    x, weight = drawn(1, 16, 9, 20), torch.randn(2, 16, 3, 3)
    x[0, 3, 4, 5] = float("nan")
    y = ops.thin_out(x, weight, None, 1)
    assert torch.equal(y.isnan(), F.conv2d(x.double(), weight.double(), padding=1).isnan())


def results() -> list[Tensor]:
    torch.manual_seed(0)
    inputs = [drawn(64, 1, 21, 21), torch.randn(32, 1, 3, 3), torch.randn(32)]
    back = [torch.randn(1, 32, 3, 3), torch.randn(1)]
    for tensor in (*inputs, *back):
        tensor.requires_grad_()
    y = ops.thin_in(*inputs, 1, 1)
    z = ops.thin_out(y, *back, 1)
    up = ops.thin_up(y, back[0].new_ones(32, 2, 4, 4), None)
    return [y, z, up, *gradients(z, [*inputs, *back])]


@pytest.mark.usefixtures("two_threads")
def test_the_same_bits_with_any_number_of_threads() -> None:
    with_two, again = results(), results()
    torch.set_num_threads(1)
    with_one = results()
    torchs_own = {"dx", "db", "dc"}  # gradients for images and biases: torch cuts these by threads
    names = ["y", "z", "up", "dx", "dw", "db", "du", "dc"]
    for name, a, b, c in zip(names, with_two, again, with_one, strict=True):
        assert torch.equal(a, b), name
        assert name in torchs_own or torch.equal(a, c), name


def test_where_the_first_applies() -> None:
    x, weight, bias = drawn(2, 1, 8, 8), torch.randn(16, 1, 3, 3), torch.randn(16)
    assert ops.thin_in_applies(x, weight, bias, 1, 1)
    wrong = {
        "two channels, where it does not pay": (drawn(2, 2, 8, 8), drawn(16, 2, 3, 3), bias, 1, 1),
        "other channels": (drawn(2, 2, 8, 8), weight, bias, 1, 1),
        "no multiple of 16": (x, weight[:15], bias[:15], 1, 1),
        "an even kernel": (x, torch.randn(16, 1, 4, 4), bias, 1, 1),
        "no square": (x, weight[..., :1], bias, 1, 1),
        "a large kernel": (x, torch.randn(16, 1, 9, 9), bias, 1, 4),
        "no output": (x, torch.randn(16, 1, 7, 7), bias, 1, -1),
        "another type": (x.double(), weight, bias, 1, 1),
        "a weight of another type": (x, weight.double(), bias, 1, 1),
        "a bias of another type": (x, weight, bias.double(), 1, 1),
        "one image": (x[0], weight, bias, 1, 1),
        "no image": (x[:0], weight, bias, 1, 1),
    }
    assert [why for why, given in wrong.items() if ops.thin_in_applies(*given)] == []


def test_where_the_last_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = drawn(2, 16, 8, 8), torch.randn(3, 16, 3, 3), torch.randn(3)
    assert ops.thin_out_applies(x, weight, bias, 1)
    wrong = {
        "another layout": (x.contiguous(), weight, bias, 1),
        "other channels": (drawn(2, 32, 8, 8), weight, bias, 1),
        "too many channels": (x, torch.randn(5, 16, 3, 3), torch.randn(5), 1),
        "no multiple of 16": (drawn(2, 15, 8, 8), weight[:, :15], bias, 1),
        "more padding than kernel": (x, weight, bias, 3),
        "no output": (
            x[:, :, :2, :2].contiguous(memory_format=torch.channels_last),
            weight,
            bias,
            0,
        ),
    }
    assert [why for why, given in wrong.items() if ops.thin_out_applies(*given)] == []
    assert ops.thin_up_applies(x, torch.randn(16, 3, 4, 4), bias)
    assert not ops.thin_up_applies(x, torch.randn(16, 3, 3, 3), bias)
    monkeypatch.setenv("LATENS_KERNELS", "off")
    assert not ops.thin_out_applies(x, weight, bias, 1)


def test_what_follows_may_write_into_the_map() -> None:
    """As an activation in place does, right behind the convolution."""
    thin, wide = drawn(2, 1, 6, 6), drawn(2, 16, 6, 6)
    first = torch.randn(16, 1, 3, 3, requires_grad=True)
    last, up = torch.randn(1, 16, 3, 3), torch.randn(16, 1, 4, 4)
    for weight, y in (
        (first, ops.thin_in(thin, first, None, 1, 1)),
        (last.requires_grad_(), ops.thin_out(wide, last, None, 1)),
        (up.requires_grad_(), ops.thin_up(wide, up, None)),
    ):
        expected = F.relu(y.detach())
        assert torch.equal(F.relu(y, inplace=True), expected)
        y.sum().backward()
        assert weight.grad is not None and weight.grad.isfinite().all()
