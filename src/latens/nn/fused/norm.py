"""Batch normalisation with the ReLU and the pooling after it, in one native kernel.

Without the kernels torch's operations do it, the ReLU on what the pooling has left: the largest of
four is the same before and after it, and so is the gradient. On CPU they sum plainly in float32
over channels-last maps, which costs a relative error of some 1e-6; the kernels sum in blocks and
do not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from latens.nn.fused import native
from latens.nn.fused._plain import plainly


def join(
    layers: Sequence[nn.Module],
) -> tuple[int, Callable[[Sequence[nn.Module], Tensor], Tensor]] | None:
    """Takes a batch normalisation, a ReLU after it, and a 2x2 maximum after that."""
    if type(layers[0]) is not nn.BatchNorm2d or layers[0].momentum is None:
        return None
    count = 1 + (len(layers) > 1 and isinstance(layers[1], nn.ReLU))
    count += count == 2 and len(layers) > 2 and _halves(layers[2])
    return count, run


def _halves(layer: nn.Module) -> bool:
    return (
        isinstance(layer, nn.MaxPool2d)
        and layer.kernel_size == layer.stride == 2
        and (layer.padding, layer.dilation, layer.ceil_mode) == (0, 1, True)
    )


def run(layers: Sequence[nn.Module], x_BCHW: Tensor) -> Tensor:
    """What such layers do."""
    norm = layers[0]
    assert isinstance(norm, nn.BatchNorm2d)
    ops = native.ops() if norm.training and norm.affine else None
    if ops is None or not ops.norm_act_applies(x_BCHW, norm.weight):
        return plainly([norm, *reversed(layers[1:])], x_BCHW)
    relu, pool = len(layers) > 1, len(layers) > 2
    y_BCHW: Tensor
    y_BCHW, mean_C, var_C = ops.norm_act(
        x_BCHW, norm.weight, norm.bias, norm.eps, relu=relu, pool=pool
    )
    follow(norm, mean_C, var_C, x_BCHW.numel() // x_BCHW.shape[1])
    return y_BCHW


def follow(norm: nn.BatchNorm2d, mean_C: Tensor, var_C: Tensor, count: int) -> None:
    """Let the running statistics follow those of a batch of `count` values a channel."""
    ops = native.ops()
    if norm.track_running_stats and ops is not None:
        ops.norm_follow(
            mean_C, var_C, count, norm.momentum,
            norm.running_mean, norm.running_var, norm.num_batches_tracked,
        )  # fmt: skip
