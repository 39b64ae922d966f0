"""Twice as large by nearest neighbour, then a 3x3 convolution: one transposed convolution.

Each pixel of the small map is seen by a 3x3 kernel as a block of 2x2 equal ones, so that the kernel
meets it with sums of its own weights. These sums are the 4x4 kernel of a transposed convolution of
stride 2 over the small map: 16 products for each of its pixels instead of 4 times 9. To few
channels, the native kernels do it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latens.nn.fused import native
from latens.nn.fused._plain import plain_conv, plainly
from latens.nn.layers import ResizeNearest

# Row k says which of the three weights meet the small pixel i at row 2i + k - 1 of the large map.
_MEETS = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def join(
    layers: Sequence[nn.Module],
) -> tuple[int, Callable[[Sequence[nn.Module], Tensor], Tensor]] | None:
    """Takes an enlargement and the convolution after it."""
    if len(layers) < 2 or not isinstance(layers[0], ResizeNearest):
        return None
    return (2, _run) if plain_conv(layers[1], kernel=3, padding=1) else None


def _run(layers: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    resize, conv = layers
    assert isinstance(resize, ResizeNearest) and isinstance(conv, nn.Conv2d)
    if resize.size != (2 * x_BCHW.shape[2], 2 * x_BCHW.shape[3]):  # odd sizes are not quite twice
        return plainly(layers, x_BCHW)
    kernel, ops = _transposed(conv.weight), native.ops()
    if ops is not None and ops.thin_up_applies(x_BCHW, kernel, conv.bias):
        y_BFHW: Tensor = ops.thin_up(x_BCHW, kernel, conv.bias)
        return y_BFHW
    # In bfloat16 the blocks would be rounded before they are laid over each other, and after.
    exact = x_BCHW.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    if conv.out_channels == 1 and exact:
        return _to_one(x_BCHW, kernel, conv.bias)
    return F.conv_transpose2d(x_BCHW, kernel, conv.bias, stride=2, padding=1)


def _to_one(x_BCHW: Tensor, kernel_C144: Tensor, bias_1: Tensor | None) -> Tensor:
    """The same to one channel: one product, and the blocks laid over each other.

    From 32 maps of 14x14 oneDNN needs three times as long forward, with the gradients 1.4 times.
    """
    size = (2 * x_BCHW.shape[2], 2 * x_BCHW.shape[3])
    blocks_BL16 = x_BCHW.permute(0, 2, 3, 1).flatten(1, 2) @ kernel_C144.flatten(1)
    y_B1HW = F.fold(blocks_BL16.transpose(1, 2), size, (4, 4), stride=2, padding=1)
    return y_B1HW if bias_1 is None else y_B1HW + bias_1


def _transposed(weight_OI33: Tensor) -> Tensor:
    """The 4x4 kernel `[I, O, 4, 4]` of the transposed convolution."""
    with torch.autocast(weight_OI33.device.type, enabled=False):  # sums of weights stay in float32
        # As one matrix: channels-last weights would be one product for each of O.
        sums = weight_OI33.reshape(-1, 9) @ _meets(weight_OI33.dtype, weight_OI33.device)
    return sums.reshape(*weight_OI33.shape[:2], 4, 4).transpose(0, 1)


@cache
def _meets(dtype: torch.dtype, device: torch.device) -> Tensor:
    """`[9, 16]`: which of the nine weights are in which of the sixteen sums."""
    with torch.inference_mode(False):  # what a test has made must serve a training too
        meets = torch.tensor(_MEETS, dtype=dtype, device=device)
        return torch.kron(meets, meets).T.contiguous()
