"""The small layers that networks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from latens.errors import UsageError

Size = tuple[int, int]

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


def halvings(size: Size, places: Sequence[str], hint: str) -> list[Size]:
    """Heights and widths from the image down, halved (rounded up) at each of `places`.

    Raises `UsageError`, with the place and the `hint`, if there is one pixel left before the last.
    """
    sizes = [size]
    for place in places:
        height, width = sizes[-1]
        if max(height, width) == 1:
            raise UsageError(
                f"Expected an image that can be halved {len(places)} times; "
                f"{size[0]}x{size[1]} is one pixel before {place}.",
                hint=f"{hint}, or larger images (--size).",
                code="too-small",
            )
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


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

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.interpolate(x_BCHW, size=self.size, mode="nearest")

    def extra_repr(self) -> str:
        return f"size={self.size}"


class TransposedTo(nn.Module):
    """A stride-2 transposed 3x3 convolution to a fixed `(height, width)`: 2n - 1 or 2n."""

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.conv = nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        output: Tensor = self.conv(x_BCHW, output_size=list(self.size))
        return output


class PadTo(nn.Module):
    """Zeros on the far sides until height and width are multiples of `patch`."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, x_BCHW: Tensor) -> Tensor:
        height, width = (-n % self.patch for n in x_BCHW.shape[2:])
        return F.pad(x_BCHW, (0, width, 0, height)) if height or width else x_BCHW


class CropTo(nn.Module):
    """The near corner of `(height, width)`: what `PadTo` added is taken away."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW[:, :, : self.size[0], : self.size[1]]
