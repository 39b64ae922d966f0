"""The squared error of a sigmoid in one pass, against torch in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latens.kernels import ops

pytestmark = pytest.mark.usefixtures("native")

LAST = torch.channels_last


def by_torch(logits: Tensor, target: Tensor) -> Tensor:
    return (logits.double().sigmoid() - target.double()).square().sum()


def drawn(*shape: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return (4 * torch.randn(shape)).requires_grad_(), torch.rand(shape)


@pytest.mark.parametrize("shape", [(1,), (7, 784), (128, 1, 28, 28), (5, 3, 9, 7), (3, 70_000)])
def test_as_float64(shape: tuple[int, ...]) -> None:
    logits, target = drawn(*shape)
    assert ops.squared_error_of_logits_applies(logits, target)
    total, expected = ops.squared_error_of_logits(logits, target), by_torch(logits, target)
    assert float(total.detach() / expected.detach()) == pytest.approx(1, abs=2e-6)
    (mine,), (torchs,) = (torch.autograd.grad(t * 3, logits) for t in (total, expected))
    assert float((mine - torchs).abs().max()) < 1e-6 * float(torchs.abs().max())


def test_any_logit_that_float32_holds() -> None:
    """From none to sure, both ends included, each as exact as float32 is near one."""
    sizes = torch.tensor([0.0, 1e-30, 1e-4, 1, 10, 50, 86, 87, 88, 89, 103, 1e4, 3e38])
    logits = torch.cat([sizes, -sizes, torch.tensor([torch.inf, -torch.inf])]).requires_grad_()
    target = torch.full_like(logits, 0.25)
    totals = [
        ops.squared_error_of_logits(logits[i : i + 1], target[:1]) for i in range(len(logits))
    ]
    expected = (logits.double().sigmoid() - 0.25).square().float()
    torch.testing.assert_close(torch.stack(totals), expected, rtol=2e-6, atol=0)
    (mine,) = torch.autograd.grad(torch.stack(totals).sum(), logits)
    x = logits.detach().double()  # one less a sigmoid is nothing in float64 too, from 37 on
    slope = 2 * (x.sigmoid() - 0.25) * x.sigmoid() * (-x).sigmoid()
    torch.testing.assert_close(mine, slope.float(), rtol=1e-5, atol=1e-30)


def test_not_a_number_is_not_hidden() -> None:
    logits, target = drawn(300)
    with torch.no_grad():
        logits[5] = float("nan")
    total = ops.squared_error_of_logits(logits, target)
    (gradient,) = torch.autograd.grad(total, logits)
    assert total.isnan() and gradient[5].isnan() and gradient.isnan().sum() == 1


@pytest.mark.usefixtures("two_threads")
def test_the_same_bits_with_any_number_of_threads() -> None:
    logits, target = drawn(40, 3, 32, 32)
    found = [ops.squared_error_of_logits(logits, target) for _ in range(2)]
    torch.set_num_threads(1)
    found.append(ops.squared_error_of_logits(logits, target))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_layouts() -> None:
    logits, target = drawn(2, 3, 4, 5)
    last = logits.detach().contiguous(memory_format=LAST).requires_grad_()
    a = ops.squared_error_of_logits(logits, target)
    b = ops.squared_error_of_logits(last, target.contiguous(memory_format=LAST))
    torch.testing.assert_close(a, b)
    (da,), (db,) = torch.autograd.grad(a, logits), torch.autograd.grad(b, last)
    assert torch.equal(da, db)


def test_where_it_applies() -> None:
    logits, target = drawn(2, 3, 4, 5)
    wrong = {
        "other layouts": (logits, target.contiguous(memory_format=LAST)),
        "other shapes": (logits, target[:1]),
        "another type": (logits, target.double()),
        "holes": (logits[:, :, ::2], target[:, :, ::2]),
        "bytes": (logits, target.byte()),
        "a target that learns": (logits, target.clone().requires_grad_()),
        "nothing": (logits[:0], target[:0]),
    }
    applies = ops.squared_error_of_logits_applies
    assert [why for why, given in wrong.items() if applies(*given)] == []
