"""Trainings that one process and several must finish alike; as a script, one of the several.

torchrun --nproc-per-node 2 core_together.py FILE FOLDER
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from core_tiny import CPU, digits, index, new_run, phase, training, two_phases, whole_model

from latens import catalog
from latens.data.batches import Batches
from latens.errors import Interrupted, TrainingError
from latens.runs.folder import RunFolder
from latens.spec import MLPSpec, VaeSpec
from latens.train import distributed, loop
from latens.train.loop import Training
from latens.train.records import STOP, EpochRecord

BOTH = ("encoder", "decoder")
AUGMENT = ({"name": "affine"}, {"name": "trivial-augment"}, {"name": "erase"})
EVERYTHING = {"optimizer": "muon", "weight_decay": 0.1, "l1": 1e-4, "l2": 1e-4}


def plain(kind: str, **changes: Any) -> Training:
    return training(kind, two_phases(kind), **changes)


def without_batch_norm() -> Training:
    network = MLPSpec(hidden=(32,), latent=8, dropout=0.2)
    return training("reconstruct", (phase(BOTH),), model=whole_model(network=network))


def plateau() -> Training:
    """Early stopping and a rate that falls: each depends on every validation."""
    slow = phase(BOTH, epochs=6, schedule="plateau", learning_rate=0.05, optimizer="sgd")
    return training("reconstruct", (slow,), early_stopping=2, validation=(34, 64))


def few_labels() -> Training:
    """Joint training in which a slice may have no labelled image at all."""
    t = plain("joint")
    labels = np.full(64, -1)
    labels[[3, 20]] = 5
    shown = replace(digits(), labels=labels)
    t.batches = Batches(shown, index(0, 34), 16, CPU, seed=3)
    return t


def free_bits() -> Training:
    t = plain("vae")
    spec = VaeSpec(free_bits=0.05, binarise=True)
    t.objective = catalog.load("objectives", "vae").build(spec)
    return t


def bfloat16() -> Training:
    t = plain("reconstruct")
    t.placement = replace(t.placement, dtype=torch.bfloat16)
    return t


CASES: dict[str, Callable[[], Training]] = {
    **{kind: partial(plain, kind) for kind in catalog.names("objectives")},
    "without batch norm": without_batch_norm,
    "augmented": partial(plain, "reconstruct", augment=AUGMENT),
    "penalties and Muon": lambda: training("reconstruct", two_phases("reconstruct", **EVERYTHING)),
    "averaged": partial(plain, "classify", average=0.9, keep="last", validate_every=2),
    "plateau": plateau,
    "few labels": few_labels,
    "free bits": free_bits,
    "one image, then two": partial(plain, "reconstruct", batch_size=1, images=(0, 4)),
    "growing batches": partial(
        plain, "classify", batch_size=4, double_batch_every=1, largest_batch=16, images=(0, 33)
    ),
    "bfloat16": bfloat16,
}  # fmt: skip


def finished(t: Training) -> dict[str, Any]:
    """The curve and the final weights of a training, and a digest of the weights' bits."""
    told: list[Any] = []
    t.observers = (*t.observers, told.append)
    before = loop.validate(t)
    loop.fit(t)
    flat = torch.cat([v.double().flatten() for v in t.model.state_dict().values()])
    curve = [{**r.train, **{f"val {n}": v for n, v in r.val.items()}}
             for r in told if isinstance(r, EpochRecord)]  # fmt: skip
    digest = hashlib.sha256(flat.numpy().tobytes()).hexdigest()
    return {"before": before, "curve": curve, "weights": flat.tolist(), "digest": digest}


def interrupted(path: Path) -> Training:
    """A training that is asked to stop in the middle of its second epoch."""
    run = new_run(path)
    told = iter(range(100))
    return long(run, lambda record: next(told) == 4 and os.kill(os.getpid(), signal.SIGINT))


def long(run: RunFolder | None, *observers: Any) -> Training:
    return training("denoise", two_phases("denoise", epochs=3), run, observers=observers)


def stopped() -> Training:
    """An observer, which the leader alone has, asks to stop."""
    return training(
        "reconstruct", (phase(BOTH, epochs=9),), observers=(lambda r: r.epoch == 2 and STOP,)
    )


def together(t: Training) -> Training:
    """The same training as one of several: only the leader has a run and observers."""
    t.world = distributed.world()
    if not t.world.leads:
        t.run, t.observers = None, ()
    return t


def main(file: Path, folder: Path) -> None:
    """Everything that the tests ask of several processes, in one launch."""
    torch.set_num_threads(1)
    loop.SHOW_SECONDS = -1.0
    world = distributed.world()
    found: dict[str, Any] = {}
    for name, case in CASES.items():
        found[name] = finished(together(case()))
        mine = found[name].pop("digest")
        found[name]["same bits"] = not world.agreed(world.shared(mine) != mine)[0]
    found["stopped"] = len(finished(together(stopped()))["curve"])
    loop.SAVE_SECONDS = -1.0
    found["resumed"] = finished(together(long(RunFolder.open(folder / "one"))))
    try:
        loop.fit(together(interrupted(folder / "two") if world.leads else long(None)))
    except Interrupted as error:
        found["interrupted"] = error.message
    again = long(None)
    if world.leads:
        again = long(RunFolder.open(shutil.copytree(folder / "two", folder / "two-again")))
    whole, resumed = (finished(together(t))["digest"] for t in (long(None), again))
    found["same bits"] = whole == resumed
    found["asked"] = world.agreed(not world.leads, False)
    if world.leads:
        file.write_text(json.dumps(found))
    lost(world)


def lost(world: distributed.World) -> None:
    """The last thing: one process is gone, and the other must not wait for it."""
    if not world.leads:
        os._exit(0)
    try:
        with world.watched("the hint"):
            loop.fit(together(plain("reconstruct")))
    except TrainingError as error:
        Path(sys.argv[1]).with_name("lost").write_text(f"{error.code}: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
