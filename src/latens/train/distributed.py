"""One training in several processes, each with its slice of every batch.

`torchrun` starts the processes, and torch's DistributedDataParallel adds up their gradients. Every
process goes through the same loop: it draws the same order, augments and corrupts the whole batch,
and computes with its slice of it (`Part`). So the batch size is that of all processes together,
and nothing that is drawn depends on how many there are: a run may go on with another number.

The loop asks `Alone` or `Together`; in a single process nothing is sent and nothing costs.
"""

from __future__ import annotations

import atexit
import gc
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any, TypeAlias

import torch
import torch.distributed as dist
import torch.distributed.nn  # imported once there is a group, its defaults would hold it
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from latens import processes
from latens.data.batches import Batch
from latens.errors import TrainingError
from latens.metrics import Totals
from latens.nn.model import Model
from latens.objectives._step import Objective, Step
from latens.train.state import State
from latens.train.whole_batch import Part

Learn: TypeAlias = Callable[[Batch], Step]
Tensors: TypeAlias = dict[str, Tensor]

_WAIT = timedelta(days=1)  # for the leader, while it downloads, evaluates or draws
_STEP_WAIT = timedelta(minutes=30)  # for the gradients of a step


@dataclass(frozen=True)
class Alone:
    """A training in this process alone."""

    leads = True

    def learner(self, model: Model, objective: Objective) -> Learn:
        """Loss and sums of a batch."""
        return partial(objective.step, model)

    def agreed(self, *wishes: bool) -> list[bool]:
        """What any process wishes."""
        return list(wishes)

    def merged(self, totals: Totals) -> Totals:
        """The sums and counts of all processes."""
        return totals

    def kept_once(self, totals: Totals) -> Totals:
        """Merged sums for one process to go on with; nothing for the others."""
        return totals

    def mine(self, count: int) -> range:
        """Which of so many batches are for this process."""
        return range(count)

    def shared(self, value: Any = None) -> Any:
        """The leader's value on every process; a JSON value."""
        return value

    def begun(self, model: Model, state: State, optimizer: Tensors) -> tuple[State, Tensors]:
        """Model, state and optimiser's tensors of the leader on every process."""
        return state, optimizer

    def watched(self, hint: str = "") -> AbstractContextManager[None]:
        """A block that ends in a sentence where another process is lost."""
        return nullcontext()


class Together:
    """A training in several processes. Each must call the same methods in the same order."""

    def __init__(self) -> None:
        self.leads, self._rank, self._size = processes.leads(), processes.rank(), processes.count()
        # Messages that are no gradients are small and lie in main memory: gloo, also with GPUs.
        dist.init_process_group("gloo", timeout=_WAIT)
        atexit.register(self._leave)
        self._gradients: dict[str, tuple[dist.ProcessGroup, dist.ProcessGroup]] = {}

    def learner(self, model: Model, objective: Objective) -> Learn:
        """Loss and sums of this process's slice of a batch; gradients add up to the whole's."""
        device = next(model.parameters()).device
        gradients, statistics = self._groups(device.type)
        slices = _Slices(model, objective, statistics)
        # Static: which parameters get gradients is found out once, as some phases leave some out.
        return DistributedDataParallel(slices, process_group=gradients, static_graph=True)

    def agreed(self, *wishes: bool) -> list[bool]:
        """What any process wishes, known to all of them."""
        flags = torch.tensor(wishes, dtype=torch.uint8)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return [bool(flag) for flag in flags.tolist()]

    def merged(self, totals: Totals) -> Totals:
        """The sums and counts of all processes, the same bits on each; the leader has all names."""
        names, counted = self.shared([list(totals.sums), list(totals.counts)])
        sums = [float(totals.sums.get(name, 0.0)) for name in names]
        here = torch.tensor([*sums, *(totals.counts.get(n, 0) for n in counted)]).double()
        rows = [torch.empty_like(here) for _ in range(self._size)]
        dist.all_gather(rows, here)
        values = torch.stack(rows).sum(0)
        device = next(iter(totals.sums.values()), values).device
        merged = dict(zip(names, values[: len(names)].to(device), strict=True))
        return Totals(merged, dict(zip(counted, map(int, values[len(names) :]), strict=True)))

    def kept_once(self, totals: Totals) -> Totals:
        """Merged sums for the leader to go on with; nothing for the others."""
        return totals if self.leads else Totals()

    def mine(self, count: int) -> range:
        """Every so many-th batch, so that the sums of each are those of a single process."""
        return range(self._rank, count, self._size)

    def shared(self, value: Any = None) -> Any:
        """The leader's value on every process; a JSON value."""
        text = bytearray(json.dumps(value).encode())
        size = torch.tensor([len(text)])
        dist.broadcast(size, 0)
        data = torch.frombuffer(text, dtype=torch.uint8) if self.leads else _bytes(int(size))
        dist.broadcast(data, 0)
        return json.loads(data.numpy().tobytes())

    def begun(self, model: Model, state: State, optimizer: Tensors) -> tuple[State, Tensors]:
        """Model, state and optimiser's tensors of the leader on every process.

        So the others need no access to the disk where the run lies.
        """
        weights, best, average, optimizer = (
            self._received(tensors)
            for tensors in (model.state_dict(), state.best, state.average, optimizer)
        )
        numbers = self.shared(state.numbers())
        if self.leads:
            return state, optimizer
        model.load_state_dict(weights)
        del numbers["counts"]  # the leader goes on with the sums
        if numbers["best_score"] is not None:
            numbers["best_score"] = tuple(numbers["best_score"])
        return State(**numbers, best=best, average=average), optimizer

    def _received(self, tensors: Tensors) -> Tensors:
        """The leader's named tensors, sent by way of main memory."""
        plain = {name: value.cpu().contiguous() for name, value in tensors.items()}
        told = [[n, list(t.shape), str(t.dtype).removeprefix("torch.")] for n, t in plain.items()]
        names = self.shared(told)
        if not self.leads:
            plain = {n: torch.empty(size, dtype=getattr(torch, kind)) for n, size, kind in names}
        for value in plain.values():
            dist.broadcast(value, 0)
        return tensors if self.leads else plain

    @contextmanager
    def watched(self, hint: str = "") -> Iterator[None]:
        """A block that ends in a sentence where another process is lost."""
        try:
            yield
        except RuntimeError as error:
            if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
                raise
            raise TrainingError(
                f"Expected all {self._size} processes to go on; one of them has ended.",
                hint=hint,
                code="process-lost",
            ) from error

    def _groups(self, device: str) -> tuple[dist.ProcessGroup, dist.ProcessGroup]:
        """For gradients and for statistics: one each, because both are sent during `backward`."""
        if device not in self._gradients:
            backend = "nccl" if device == "cuda" else "gloo"
            one, two = (dist.new_group(backend=backend, timeout=_STEP_WAIT) for _ in range(2))
            self._gradients[device] = one, two
        return self._gradients[device]

    def _leave(self) -> None:
        """End the groups' threads. One that let go of a tensor after Python has ended would abort.

        They end when nothing holds a group any more, so that whatever still does goes first.
        """
        self._gradients.clear()
        with suppress(Exception):  # whoever is lost cannot be told good-bye
            dist.destroy_process_group()
        gc.collect()


World: TypeAlias = Alone | Together
ALONE = Alone()


@cache
def world() -> World:
    """What this process trains in; waits for the others at the first call."""
    return Together() if processes.count() > 1 else ALONE


class _Slices(nn.Module):
    """An objective's step with this process's slice, as a module that torch can wrap."""

    def __init__(self, model: Model, objective: Objective, group: dist.ProcessGroup) -> None:
        super().__init__()
        self.model, self._objective, self._group = model, objective, group

    def forward(self, whole: Batch) -> Step:
        """Sums of the slice, and its loss so weighed that the mean over processes is the whole's.

        A batch with fewer images than there are processes is done by each of them, and counted by
        one.
        """
        rank, size = self._group.rank(), self._group.size()
        if len(whole) < size:
            loss, sums = self._objective.step(self.model, whole)
            return Step(loss, {} if rank else sums)
        with Part(whole, rank, size, self._group) as part:
            loss, sums = self._objective.step(self.model, part.batch)
        return Step(loss * (part.share * size), sums)


def _bytes(size: int) -> Tensor:
    return torch.empty(size, dtype=torch.uint8)
