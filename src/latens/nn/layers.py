"""The small layers that networks share."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "gelu": nn.GELU,
    "silu": lambda: nn.SiLU(inplace=True),
    "elu": lambda: nn.ELU(inplace=True),
    "tanh": nn.Tanh,
}


def activation(name: str) -> nn.Module:
    """A fresh activation layer by the name that specs use."""
    return _ACTIVATIONS[name]()


def same_conv(before: int, after: int, kernel: int, *, stride: int = 1, bias: bool) -> nn.Module:
    """A convolution whose output is ceil(size / stride), for odd and even kernels alike.

    An even kernel pads one more on the far side, as Keras's `same` does at stride 1.
    """
    near, far = (kernel - 1) // 2, kernel // 2
    if near == far:
        return nn.Conv2d(before, after, kernel, stride=stride, padding=near, bias=bias)
    pad = nn.ZeroPad2d((near, far, near, far))
    return nn.Sequential(pad, nn.Conv2d(before, after, kernel, stride=stride, bias=bias))


class ResizeNearest(nn.Module):
    """Nearest-neighbour upsampling to a fixed `(height, width)`."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.interpolate(x_BCHW, size=self.size, mode="nearest")

    def extra_repr(self) -> str:
        return f"size={self.size}"


class TransposedTo(nn.Module):
    """A stride-2 transposed 3x3 convolution to a fixed `(height, width)`: 2n - 1 or 2n."""

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.conv = nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        output: Tensor = self.conv(x_BCHW, output_size=list(self.size))
        return output
