"""Means and maxima of feature maps: the gradients that are made together are torch's own."""

from __future__ import annotations

import pytest
import torch

from latens.nn.pooling import MeanMaxPool


def by_torch(x_BFhw: torch.Tensor) -> torch.Tensor:
    return torch.cat([x_BFhw.mean((2, 3)), x_BFhw.amax((2, 3))], dim=1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("size", [(3, 5, 7, 7), (2, 3, 1, 4), (1, 1, 1, 1)])
def test_values_and_gradients(
    size: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    # Halves and zeros: maps with equal maxima, and maps that a ReLU has made all zero.
    drawn = torch.randint(-3, 4, size).clamp(min=0).to(dtype) / 2
    x = drawn.contiguous(memory_format=layout).requires_grad_()
    weights = torch.randn(size[0], 2 * size[1], dtype=dtype)
    pooled, wanted = MeanMaxPool()(x), by_torch(x)
    assert torch.equal(pooled, wanted)
    (ours,) = torch.autograd.grad(pooled, x, weights)
    (theirs,) = torch.autograd.grad(wanted, x, weights)
    assert ours.stride() == theirs.stride() or 1 in size[2:]
    exact = dtype == torch.float64
    torch.testing.assert_close(ours, theirs, rtol=1e-12 if exact else 0.01, atol=1e-12)


def test_without_gradients_the_same() -> None:
    x = torch.randn(2, 3, 4, 4)
    with torch.no_grad():
        assert torch.equal(MeanMaxPool()(x), by_torch(x))
