"""A slice of a batch, computed as if the whole batch were there.

Two processes that each have half of a batch would normalise by the statistics of their halves, and
draw the same dropout for both. `Part` is a mode of torch in which they do not: while it is open,

    numbers drawn for the slice   are those that the whole batch would get, cut to the slice
    batch normalisation           takes mean and variance over the slices of all processes
    `corrupted`                   corrupts the whole batch, which every process has, and cuts
    `even_share`                  adds up over all processes

so that a training differs from one in a single process by rounding alone. Draws count that come
from torch's global generator and whose first dimension is the slice's length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.nn.modules._functions import SyncBatchNorm
from torch.overrides import TorchFunctionMode

from latens.data.batches import Batch
from latens.objectives._corrupt import corrupted
from latens.objectives._step import even_share

Handler = Callable[..., Any]


class Part(TorchFunctionMode):
    """Process `rank` of `size` has its contiguous part of the whole batch, which is `self.batch`.

    The parts differ by one image at most; the whole has at least one for each process. All
    processes must do the same things in the same order, because they wait for one another.
    """

    def __init__(self, whole: Batch, rank: int, size: int, group: dist.ProcessGroup) -> None:
        super().__init__()
        self.count, self.group = len(whole), group
        self.part = slice(rank * self.count // size, (rank + 1) * self.count // size)
        labels = None if whole.labels is None else whole.labels[self.part]
        self.batch = Batch(whole.images[self.part], labels)
        self.share = len(self.batch) / self.count
        self._whole = whole
        self._handlers: dict[Any, Handler] = {
            torch.rand: self._sized,
            torch.randn: self._sized,
            torch.rand_like: self._like,
            torch.randn_like: self._like,
            torch.bernoulli: self._bernoulli,
            F.dropout: self._dropout,
            F.dropout1d: self._dropout,
            F.dropout2d: self._dropout,
            F.dropout3d: self._dropout,
            F.batch_norm: self._batch_norm,
            corrupted: self._corrupted,
            even_share: self._even_share,
        }

    def __torch_function__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        handler = self._handlers.get(func)
        return (handler or _plain)(func, *args, **(kwargs or {}))

    def _sized(self, draw: Handler, *size: Any, **options: Any) -> Tensor:
        shape = tuple(size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
        drawn: Tensor
        if options.get("generator") is not None or shape[:1] != (len(self.batch),):
            drawn = draw(*size, **options)
            return drawn
        drawn = draw(self.count, *shape[1:], **options)[self.part]
        return drawn

    def _like(self, draw: Handler, x: Tensor, **options: Any) -> Tensor:
        drawn: Tensor = draw(self._stretched(x), **options)[self.part] if self._ours(x) else draw(x)
        return drawn

    def _bernoulli(self, draw: Handler, chance: Tensor, **options: Any) -> Tensor:
        if options or not self._ours(chance):
            drawn: Tensor = draw(chance, **options)
            return drawn
        whole = self._stretched(chance)
        whole[self.part] = chance
        return torch.bernoulli(whole)[self.part]

    def _dropout(
        self, drop: Handler, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not (training and p and self._ours(x)):
            kept: Tensor = drop(x, p, training, inplace)
            return kept
        factors: Tensor = drop(self._stretched(x), p, True)[self.part]
        return x * factors

    def _batch_norm(
        self,
        norm: Handler,
        x: Tensor,
        mean_C: Tensor | None,
        var_C: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            as_usual: Tensor = norm(x, mean_C, var_C, weight, bias, training, momentum, eps)
            return as_usual
        if x.is_cuda:
            processes = self.group.size()
            y: Tensor = SyncBatchNorm.apply(  # type: ignore[no-untyped-call]
                x, weight, bias, mean_C, var_C, eps, momentum, self.group, processes
            )
            return y
        return _normalised(x, weight, bias, mean_C, var_C, momentum, eps, self.group)

    def _corrupted(self, corrupt: Handler, x_BCHW: Tensor, specs: Any) -> Tensor:
        if x_BCHW is not self.batch.images:  # something else: each process draws for its own
            other: Tensor = corrupt(x_BCHW, specs)
            return other
        whole: Tensor = corrupt(self._whole.images, specs)
        return whole[self.part]

    def _even_share(self, plain: Handler, total: Tensor) -> Tensor:
        total = total.detach().clone()
        dist.all_reduce(total, group=self.group)
        return total * self.share

    def _ours(self, x: Tensor) -> bool:
        return x.ndim > 0 and len(x) == len(self.batch)

    def _stretched(self, x: Tensor) -> Tensor:
        """Ones in the shape that `x` would have for the whole batch, in the same memory order."""
        channels_last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        shape = (self.count, *x.shape[1:])
        return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout).fill_(1)


def _plain(func: Handler, *args: Any, **kwargs: Any) -> Any:
    return func(*args, **kwargs)


def _normalised(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean_C: Tensor | None,
    running_var_C: Tensor | None,
    momentum: float,
    eps: float,
    group: dist.ProcessGroup,
) -> Tensor:
    """Batch normalisation of `[B, C, ...]` over the slices of all processes, on a CPU.

    torch's own (`SyncBatchNorm`) wants a GPU. The work is done by the kernels of torch's plain
    one, so that it costs the same; what comes on top are two messages of some hundred bytes.
    """
    mean_C, var_C, count = _statistics(x, group)
    if running_mean_C is not None and running_var_C is not None:
        running_mean_C.lerp_(mean_C, momentum)
        running_var_C.lerp_(var_C * (count / (count - 1)), momentum)
    ones_C = torch.ones_like(mean_C)
    y: Tensor = _BatchNorm.apply(  # type: ignore[no-untyped-call]
        x, ones_C if weight is None else weight, bias, mean_C, var_C, count, eps, group
    )
    return y


@torch.no_grad()
def _statistics(x: Tensor, group: dist.ProcessGroup) -> tuple[Tensor, Tensor, float]:
    """Mean and variance of each channel over all slices, and how many numbers they are over.

    Slices merge as in Chan et al. 1979: the variance within them, and that of their means.
    """
    precise = x.float() if x.dtype.itemsize < 4 else x
    mean_C, var_C = torch.ops.aten.batch_norm_update_stats(precise, None, None, 0.0)
    here = torch.cat([mean_C, var_C, mean_C.new_tensor([x[:, 0].numel()])])
    rows = [torch.empty_like(here) for _ in range(group.size())]
    dist.all_gather(rows, here, group=group)
    all_RN = torch.stack(rows)
    channels = len(mean_C)
    means_RC, vars_RC = all_RN[:, :channels], all_RN[:, channels:-1]
    counts_R1 = all_RN[:, -1:]
    shares_R1 = counts_R1 / counts_R1.sum()
    mean_C = (shares_R1 * means_RC).sum(0)
    var_C = (shares_R1 * (vars_RC + (means_RC - mean_C).square())).sum(0)
    return mean_C, var_C, float(counts_R1.sum())


class _BatchNorm(torch.autograd.Function):
    """y = weight (x - mean) / sqrt(var + eps) + bias, where mean and var depend on x."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight_C: Tensor,
        bias_C: Tensor | None,
        mean_C: Tensor,
        var_C: Tensor,
        count: float,
        eps: float,
        group: dist.ProcessGroup,
    ) -> Tensor:
        ctx.save_for_backward(x, weight_C, mean_C, var_C)
        ctx.count, ctx.eps, ctx.group = count, eps, group
        y: Tensor = torch.native_batch_norm(x, weight_C, bias_C, mean_C, var_C, False, 0.0, eps)[0]
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """As for given statistics, less what goes through them, with sums over all processes."""
        x, weight_C, mean_C, var_C = ctx.saved_tensors
        grad_x, grad_weight_C, grad_bias_C = torch.ops.aten.native_batch_norm_backward(
            grads[0], x, weight_C, mean_C, var_C, None, None, False, ctx.eps, [True] * 3
        )
        sums = torch.cat([grad_weight_C, grad_bias_C])
        dist.all_reduce(sums, group=ctx.group)
        by_weight_C, by_bias_C = (sums / ctx.count).chunk(2)
        inverse_C = (var_C + ctx.eps).rsqrt()
        slope_C = -weight_C * inverse_C.square() * by_weight_C
        offset_C = -weight_C * inverse_C * by_bias_C - slope_C * mean_C
        shape = (1, -1) + (1,) * (x.ndim - 2)
        slope, offset = (value.view(shape).to(grad_x.dtype) for value in (slope_C, offset_C))
        grad_x = grad_x.addcmul_(x, slope).add_(offset)
        return grad_x, grad_weight_C, grad_bias_C, None, None, None, None, None
