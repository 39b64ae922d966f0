"""A first convolution together with its normalisation: the bits of one after the other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latens.kernels import ops
from latens.nn.fused import native as switch
from latens.nn.fused import thin
from latens.nn.fused.sequence import Fused

pytestmark = pytest.mark.usefixtures("native")

LAST = torch.channels_last
# images, wide channels, kernel, stride, side; ReLU, maximum: also odd sides and several chunks
CASES = [
    (8, 32, 3, 1, 28, True, True),
    (8, 32, 5, 2, 28, True, False),
    (3, 16, 3, 1, 9, False, False),
    (3, 48, 7, 1, 9, True, True),
    (2, 16, 1, 1, 5, False, True),
    (70, 32, 3, 1, 15, True, True),
]


def drawn(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Numbers that learn; maps with the channels last."""
    torch.manual_seed(0)
    tensors = [torch.randn(shape) for shape in shapes]
    maps = [t.contiguous(memory_format=LAST) if t.dim() == 4 else t for t in tensors]
    return [t.requires_grad_() for t in maps]


def equal(together: tuple[Tensor, ...], apart: tuple[Tensor, ...], learn: list[Tensor]) -> bool:
    """Whether outputs, statistics and gradients are the same bits."""
    dy = torch.randn(apart[0].shape).to(apart[0].dtype)
    mine, theirs = (torch.autograd.grad(y[0], learn, dy) for y in (together, apart))
    return all(map(torch.equal, [*together, *mine], [*apart, *theirs]))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_same_bits_as_one_after_the_other(
    case: tuple[int, int, int, int, int, bool, bool], mixed: bool
) -> None:
    images, wide, side, stride, size, relu, pool = case
    x, weight, scale, shift = drawn(
        (images, 1, size, size), (wide, 1, side, side), (wide,), (wide,)
    )
    x, how = x.detach(), (stride, side // 2)
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        assert ops.thin_norm_applies(x, weight, *how, scale)
        together = ops.thin_norm(x, weight, *how, scale, shift, 1e-5, relu=relu, pool=pool)
        between = ops.thin_in(x, weight, None, *how)
        apart = ops.norm_act(between, scale, shift, 1e-5, relu=relu, pool=pool)
    assert together[0].dtype == (torch.bfloat16 if mixed else torch.float32)
    assert equal(together, apart, [weight, scale, shift])


def test_where_it_applies() -> None:
    x, weight, scale = drawn((2, 1, 8, 8), (16, 1, 3, 3), (16,))
    x = x.detach()
    assert ops.thin_norm_applies(x, weight, 1, 1, scale)
    assert not ops.thin_norm_applies(x.clone().requires_grad_(), weight, 1, 1, scale)
    assert not ops.thin_norm_applies(x, weight, 1, 1, scale.double())
    assert not ops.thin_norm_applies(x.expand(2, 3, 8, 8), weight.expand(16, 3, 3, 3), 1, 1, scale)
    assert not ops.thin_norm_applies(x[:1, :, :1, :1], weight, 1, 1, scale), "a single value"


def block(*, bias: bool = False) -> list[nn.Module]:
    return [
        nn.Conv2d(1, 32, 3, padding=1, bias=bias), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
    ]  # fmt: skip


def test_what_is_taken_together() -> None:
    layers = block()
    counts = [found[0] for n in (4, 3, 2, 1) if (found := thin.join(layers[:n]))]
    assert counts == [4, 3, 2, 1]
    biased, other = thin.join(block(bias=True)), thin.join([layers[0], nn.GELU()])
    assert biased is not None and other is not None and biased[0] == other[0] == 1


@pytest.mark.parametrize("learns", [False, True])
def test_in_a_network_as_torch_has_it(learns: bool) -> None:
    """Output, gradients and running statistics, also of images whose gradient is asked for."""
    torch.manual_seed(0)
    fused, plain = Fused(*block()), nn.Sequential(*block())
    plain.load_state_dict(fused.state_dict())
    x = torch.rand(8, 1, 13, 13, requires_grad=learns)
    with switch.as_before():
        switch.use(True)
        y = fused(x)
    expected = plain(x)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    inputs = [x] * learns
    mine = torch.autograd.grad(y.square().sum(), [*inputs, *fused.parameters()])
    theirs = torch.autograd.grad(expected.square().sum(), [*inputs, *plain.parameters()])
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
    for name, value in plain.named_buffers():
        torch.testing.assert_close(fused.get_buffer(name), value, rtol=1e-5, atol=1e-6)
