"""3x3 convolutions with fewer multiplications, against torch in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from latens.kernels import ops

pytestmark = pytest.mark.usefixtures("native")

# images, channels before and after, height, width: odd sides, a last panel of 16, part of a tile
# alone, several chunks and groups of them
LAST = torch.channels_last
CASES = [
    (3, 32, 32, 7, 7),
    (2, 16, 48, 9, 6),
    (5, 64, 32, 14, 14),
    (1, 48, 16, 1, 3),
    (1, 32, 32, 2, 2),
    (40, 32, 64, 8, 8),
    (9, 256, 128, 5, 4),
]


def drawn(case: tuple[int, ...], *, biased: bool) -> list[Tensor]:
    images, before, after, height, width = case
    torch.manual_seed(0)
    x = torch.randn(images, before, height, width).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(after, before, 3, 3).contiguous(memory_format=torch.channels_last)
    return [x, weight, *[torch.randn(after)] * biased]


def worst(actual: Tensor, expected: Tensor) -> float:
    """The largest error, as a part of the largest value."""
    assert actual.shape == expected.shape
    actual, expected = actual.detach(), expected.detach()
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_as_float64(case: tuple[int, ...], biased: bool) -> None:
    inputs = [t.requires_grad_() for t in drawn(case, biased=biased)]
    precise = [t.detach().double().requires_grad_() for t in inputs]
    y = ops.winograd(*(*inputs, None)[:3])
    expected = F.conv2d(*precise, padding=1)
    assert worst(y, expected) < 2e-6
    assert y.is_contiguous(memory_format=torch.channels_last)
    dy = torch.randn(y.shape)
    found = torch.autograd.grad(y, inputs, dy)
    assert max(map(worst, found, torch.autograd.grad(expected, precise, dy.double()))) < 5e-6


def test_a_kernel_may_lie_in_any_layout() -> None:
    x, weight = drawn((3, 32, 64, 7, 7), biased=False)
    plain = weight.contiguous()
    assert plain.stride() != weight.stride()
    assert torch.equal(ops.winograd(x, weight, None), ops.winograd(x, plain, None))


def test_only_what_is_asked_for_is_differentiated() -> None:
    x, weight = drawn((3, 32, 64, 7, 7), biased=False)
    ops.winograd(x, weight.requires_grad_(), None).sum().backward()
    assert weight.grad is not None and x.grad is None
    ops.winograd(x.requires_grad_(), weight.detach(), None).sum().backward()
    assert x.grad is not None


@pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith("AVX512"), reason="shorter vectors"
)
def test_it_says_where_it_applies() -> None:
    x, weight = drawn((32, 64, 64, 7, 7), biased=False)
    assert ops.winograd_applies(x, weight, None)
    assert ops.winograd_applies(x[:, :32].contiguous(memory_format=LAST), weight[:, :32], None)
    assert not ops.winograd_applies(x[:, :16].contiguous(memory_format=LAST), weight[:, :16], None)
    assert not ops.winograd_applies(x[:2], weight, None)
    assert not ops.winograd_applies(x.contiguous(), weight, None)
    assert not ops.winograd_applies(x[:, :, :3], weight, None)
    assert not ops.winograd_applies(x.double(), weight.double(), None)
    assert not ops.winograd_applies(x, weight[:40], None)
    assert not ops.winograd_applies(x, weight[..., :1], None)
    with torch.autocast("cpu", torch.bfloat16):
        assert not ops.winograd_applies(x, weight, None)


@pytest.mark.usefixtures("two_threads")
def test_the_same_bits_with_any_number_of_threads() -> None:
    def results() -> list[Tensor]:
        x, weight = (t.requires_grad_() for t in drawn((40, 64, 32, 9, 9), biased=False))
        y = ops.winograd(x, weight, None)
        return [y, *torch.autograd.grad(y.square().sum(), [x, weight])]

    with_two, again = results(), results()
    torch.set_num_threads(1)
    for a, b, c in zip(with_two, again, results(), strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)
