"""Layers that work together give what they give one after the other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latens.nn.fused import drop, enlarge, norm, patch, thin
from latens.nn.fused.sequence import Fused
from latens.nn.layers import ResizeNearest
from latens.nn.model import build
from latens.spec import ConvSpec, ResidualSpec

CASES = {
    "enlarge": ((4, 5, 6), [ResizeNearest((10, 12)), nn.Conv2d(4, 3, 3, padding=1)]),
    "enlarge to one": ((4, 7, 7), [ResizeNearest((14, 14)), nn.Conv2d(4, 1, 3, padding=1)]),
    "not quite twice": ((4, 4, 4), [ResizeNearest((7, 8)), nn.Conv2d(4, 3, 3, padding=1)]),
    "a wider kernel": ((4, 4, 4), [ResizeNearest((8, 8)), nn.Conv2d(4, 3, 5, padding=2)]),
    "patches": ((3, 12, 8), [nn.Conv2d(3, 5, 4, stride=4)]),
    "patches that do not fit": ((3, 13, 8), [nn.Conv2d(3, 5, 4, stride=4)]),
    "back to pixels": ((5, 3, 2), [nn.ConvTranspose2d(5, 3, 4, stride=4)]),
    "few channels": ((8, 6, 5), [nn.Conv2d(8, 2, 5, padding=2)]),
    "no bias": ((8, 6, 5), [nn.Conv2d(8, 1, 3, padding=1, bias=False)]),
    "norm": ((4, 6, 5), [nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]),
}


def answers(module: nn.Module, x: Tensor, run: object) -> list[Tensor]:
    """What comes out, and the gradients of input and parameters."""
    x = x.clone().requires_grad_()
    y = run(module, x)  # type: ignore[operator]
    return [y, *torch.autograd.grad(y.square().sum(), [x, *module.parameters()])]


@pytest.mark.parametrize("name", CASES)
def test_together_is_one_after_the_other(name: str) -> None:
    shape, layers = CASES[name]
    fused = Fused(*layers).double()
    x = torch.rand(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    together = answers(fused, x, Fused.forward)
    apart = answers(fused, x, nn.Sequential.forward)
    for one, other in zip(together, apart, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other)


def test_a_relu_after_the_largest_of_four_gives_the_same_bits() -> None:
    layers = [nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    fused, x = Fused(*layers), torch.randn(8, 4, 7, 6, generator=torch.Generator().manual_seed(0))
    x[1] = 0.0  # ties
    x = x.contiguous(memory_format=torch.channels_last)
    together, apart = answers(fused, x, Fused.forward), answers(fused, x, nn.Sequential.forward)
    assert all(torch.equal(one, other) for one, other in zip(together, apart, strict=True))


def test_to_one_channel_stays_a_convolution_in_bfloat16() -> None:
    layers = Fused(ResizeNearest((14, 14)), nn.Conv2d(32, 1, 3, padding=1))
    x = torch.randn(4, 32, 7, 7, generator=torch.Generator().manual_seed(0))
    exact = nn.Sequential.forward(layers, x)
    with torch.autocast("cpu", torch.bfloat16):
        near = layers(x)
    assert near.dtype == torch.bfloat16
    torch.testing.assert_close(near.float(), exact, atol=0.01, rtol=0.01)


@pytest.mark.parametrize(
    ("layers", "join", "count"),
    [
        ([ResizeNearest((8, 8)), nn.Conv2d(4, 3, 3, padding=1)], enlarge.join, 2),
        ([nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)], norm.join, 3),
        ([nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)], norm.join, 2),
        ([nn.BatchNorm2d(4), nn.GELU()], norm.join, 1),
        ([nn.ReLU(), nn.Dropout(0.1), nn.ReLU()], drop.join, 2),
        ([nn.Dropout(0.1), nn.ReLU()], drop.join, 1),
        ([nn.Conv2d(3, 5, 4, stride=4), nn.ReLU()], patch.join, 1),
        ([nn.ConvTranspose2d(5, 3, 2, stride=2)], patch.join, 1),
        ([nn.Conv2d(8, 1, 3, padding=1)], thin.join, 1),
    ],
)
def test_what_is_taken_together(layers: list[nn.Module], join: object, count: int) -> None:
    found = join(layers)  # type: ignore[operator]
    assert found is not None and found[0] == count


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(4, 8, 4, stride=2, padding=1),
        nn.Conv2d(8, 4, 3, padding=1, groups=4),
        nn.Conv2d(8, 1, 3, padding=1, padding_mode="reflect"),
        nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1), nn.BatchNorm2d(4, momentum=None),
        nn.Conv2d(8, 1, 3, dilation=2, padding=2),
    ],
)  # fmt: skip
def test_other_layers_are_left_alone(layer: nn.Module) -> None:
    assert [join([layer]) for join in (enlarge.join, norm.join, patch.join, thin.join)] == [
        None
    ] * 4


@pytest.mark.parametrize("spec", [ConvSpec(), ResidualSpec()])
def test_whole_networks_and_their_names(spec: ConvSpec | ResidualSpec) -> None:
    model = build(spec, (1, 28, 28), decoder=True).double().eval()
    assert model.decoder is not None
    assert [*model.decoder.state_dict()] == [*nn.Sequential(*model.decoder).state_dict()]
    x = torch.rand(2, 1, 28, 28, dtype=torch.float64)
    z = model.encode(x)
    torch.testing.assert_close(model.decoder(z), nn.Sequential(*model.decoder)(z))


def test_a_longer_sequence_is_planned_anew() -> None:
    layers = Fused(nn.ReLU())
    x = torch.tensor([-1.0, 2.0])
    assert layers(x).tolist() == [0, 2]
    layers.append(nn.Flatten(0))
    layers.append(nn.Threshold(5.0, 7.0))
    assert layers(x).tolist() == [7, 7]


def test_what_a_test_enlarged_first_can_still_be_trained() -> None:
    enlarge._meets.cache_clear()
    layers, x = Fused(ResizeNearest((8, 8)), nn.Conv2d(4, 3, 3, padding=1)), torch.rand(1, 4, 4, 4)
    with torch.inference_mode():
        layers(x)
    layers(x).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in layers.parameters())
