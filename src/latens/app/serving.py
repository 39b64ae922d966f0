"""What every worker does: take a piece of work from the queue, do it, and tell what came of it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import optuna

from latens.app.telling import Tell, mute
from latens.errors import Interrupted, LatensError, RunError, UsageError
from latens.progress import Progress, silent
from latens.search.heartbeat import Heartbeat
from latens.search.queue import Queue, Row

POLL = 1.0  # seconds between looks at a queue in which nothing waits
BUSY = 2.0  # seconds between tries to open a run that another process is training
STOPPING = {"disk-full", "not-writable", "unknown-score"}  # the next trial would end the same way


@dataclass(frozen=True)
class Done:
    """What came of a piece of work: its score, and `attrs` for the table; `told` is a line."""

    score: float
    attrs: dict[str, Any] = field(default_factory=dict)
    pruned: bool = False
    told: str = ""


class Later(Exception):
    """A piece of work that others have to come before; `attrs` say which, for `Job.ready`."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__()
        self.attrs = attrs


@dataclass(frozen=True)
class Job:
    """How to do a piece of work, which pieces are `ready`, and when there is `no_more` to come."""

    do: Callable[[optuna.Trial, str], Done]
    ready: Callable[[Row], bool] = lambda row: True
    no_more: Callable[[], bool] = lambda: True
    stops: Callable[[LatensError], bool] = lambda error: False


def serve(queue: Queue, job: Job, *, tell: Tell = mute, progress: Progress = silent) -> int:
    """Work until everything is done, by whomever; how many pieces were done here.

    Raises `Interrupted` on Ctrl-C, and what would end every other trial too, such as a full disk.
    """
    _require_one_process()
    count = 0
    while True:
        slots = queue.revive()
        done = sum(slot.done is not None for slot in slots.values())
        progress("trials", done, max(1, len(slots)))
        trial = queue.claim(job.ready)
        if trial is not None:
            count += _work(queue, job, trial, tell)
        elif done == len(slots) and job.no_more():
            return count
        else:
            time.sleep(POLL)


def _require_one_process() -> None:
    """Raise `UsageError` under torchrun, whose processes share one training."""
    size = os.environ.get("WORLD_SIZE", "1")
    if size != "1":
        raise UsageError(
            f"Expected one process for each trial; got a group of {size}.",
            hint="Start workers without torchrun: one 'latens worker' a GPU.",
            code="not-distributed",
        )


def _work(queue: Queue, job: Job, trial: optuna.Trial, tell: Tell) -> int:
    """One piece of work; 1 if something came of it here."""
    name = str(trial.user_attrs["slot"])
    try:
        with Heartbeat(queue.storage, trial._trial_id):
            done = job.do(trial, name)
    except Later as later:
        queue.release(trial, later.attrs)
        return 0
    except (KeyboardInterrupt, Interrupted) as error:
        queue.release(trial)
        raise Interrupted("Stopped; everything so far is saved.") from error
    except Exception as error:
        reason = _reason(error, job)
        if reason is None:
            queue.release(trial)
            raise
        queue.failed(trial, reason, {})
        tell(f"Trial {name} failed: {reason}")
        return 1
    if done.pruned:
        queue.pruned(trial, done.attrs)
    else:
        queue.complete(trial, done.score, done.attrs)
    tell(f"Trial {name}{' (pruned)' if done.pruned else ''}: {done.told}")
    return 1


def _reason(error: Exception, job: Job) -> str | None:
    """Why this trial failed, in a sentence; None if it is not the trial's own fault."""
    if isinstance(error, LatensError):
        ours = isinstance(error, RunError) or error.code in STOPPING or job.stops(error)
        return None if ours else error.message
    if isinstance(error, MemoryError) or _out_of_memory(error):
        return "Expected enough memory for the images and the network; it ran out."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return None
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _out_of_memory(error: Exception) -> bool:
    """Of a device, or of the machine; the device's memory is given back for the next trial."""
    if type(error).__name__ == "OutOfMemoryError":
        import torch

        torch.cuda.empty_cache()
        return True
    return "can't allocate memory" in str(error)


def patiently(do: Callable[[], Any]) -> Any:
    """Do it, waiting while another process trains the same run: one that was taken for dead."""
    while True:
        try:
            return do()
        except RunError as error:
            if error.code != "run-busy":
                raise
            time.sleep(BUSY)
