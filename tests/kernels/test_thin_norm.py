"""A first convolution together with its batch normalisation: the bits of one after the other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latens.kernels import ops
from latens.nn.fused import native as switch
from latens.nn.fused import thin
from latens.nn.fused.sequence import Fused

pytestmark = pytest.mark.usefixtures("native")

# images, wide channels, kernel, stride, side; ReLU, maximum: also odd sides and several chunks
CASES = [
    (8, 32, 3, 1, 28, True, True),
    (8, 32, 5, 2, 28, True, False),
    (3, 16, 3, 1, 9, False, False),
    (3, 48, 7, 1, 9, True, True),
    (2, 16, 1, 1, 5, False, True),
    (70, 32, 3, 1, 15, True, True),
]


def drawn(images: int, wide: int, kernel: int, side: int) -> tuple[Tensor, list[Tensor]]:
    """Images, and what learns: kernel, scale and shift."""
    torch.manual_seed(0)
    learns = [torch.randn(wide, 1, kernel, kernel), torch.randn(wide), torch.randn(wide)]
    return torch.rand(images, 1, side, side), [t.requires_grad_() for t in learns]


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_same_bits_as_one_after_the_other(
    case: tuple[int, int, int, int, int, bool, bool], mixed: bool
) -> None:
    images, wide, side, stride, size, relu, pool = case
    x, (weight, scale, shift) = drawn(images, wide, side, size)
    how = stride, side // 2
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        assert ops.thin_norm_applies(x, weight, *how, scale)
        together = ops.thin_norm(x, weight, *how, scale, shift, 1e-5, relu=relu, pool=pool)
        between = ops.thin_in(x, weight, None, *how)
        apart = ops.norm_act(between, scale, shift, 1e-5, relu=relu, pool=pool)
    assert together[0].dtype == (torch.bfloat16 if mixed else torch.float32)
    assert all(map(torch.equal, together, apart))
    dy = torch.randn(apart[0].shape).to(apart[0].dtype)
    mine, theirs = (
        torch.autograd.grad(y[0], (weight, scale, shift), dy) for y in (together, apart)
    )
    assert all(map(torch.equal, mine, theirs))


def test_where_it_applies() -> None:
    x, (weight, scale, _) = drawn(2, 16, 3, 8)
    assert ops.thin_norm_applies(x, weight, 1, 1, scale)
    assert not ops.thin_norm_applies(x.clone().requires_grad_(), weight, 1, 1, scale)
    assert not ops.thin_norm_applies(x, weight, 1, 1, scale.double())
    assert not ops.thin_norm_applies(x.expand(2, 3, 8, 8), weight.expand(16, 3, 3, 3), 1, 1, scale)
    assert not ops.thin_norm_applies(x[:1, :, :1, :1], weight, 1, 1, scale), "a single value"


def layers() -> list[nn.Module]:
    return [
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
    ]  # fmt: skip


def test_what_is_taken_together() -> None:
    found = thin.join(layers())
    assert found is not None and found[0] == 4
    biased = thin.join([nn.Conv2d(1, 16, 3, padding=1), *layers()[1:]])
    assert biased is not None and biased[0] == 1
    alone = thin.join(layers()[:1])
    assert alone is not None and alone[0] == 1


@pytest.mark.parametrize("learns", [False, True])
def test_in_a_network_as_torch_has_it(learns: bool) -> None:
    """Output, gradients and running statistics, also of images whose gradient is asked for."""
    torch.manual_seed(0)
    block = Fused(*layers())
    plain = nn.Sequential(*layers())
    plain.load_state_dict(block.state_dict())
    x = torch.rand(6, 1, 13, 13, requires_grad=learns)
    with switch.as_before():
        switch.use(True)
        y = block(x)
    expected = plain(x)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    inputs = [x] * learns
    mine = torch.autograd.grad(y.square().sum(), [*inputs, *block.parameters()])
    theirs = torch.autograd.grad(expected.square().sum(), [*inputs, *plain.parameters()])
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
    for name, value in plain.named_buffers():
        torch.testing.assert_close(block.get_buffer(name), value, rtol=1e-5, atol=1e-6)
