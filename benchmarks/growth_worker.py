"""The processes of growth.py and packing.py: each does one thing, and says in JSON how it went.

make PACK COUNT             a pack of random images
serve PACK STEPS MEMORY     train or read, once for each line on standard input
pretrain PACK RUN STEPS     `latens.pretrain`, stopped after so many updates
check PACK, pack DATA PACK [SIDE]  the commands of that name
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = 12_288, (3, 64, 64)  # bytes and shape of an image
BATCH, CHUNK = 128, 2000
KINDS = ("train", "train-cold", "read", "read-cold")


class Worker:
    """A process that trains and reads as it is asked."""

    def __init__(self, pack: Path, steps: int, *, in_memory: bool) -> None:
        self._images = steps * BATCH
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve", pack, str(steps), str(int(in_memory))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def asked(self, kind: str) -> Callable[[], float]:
        """A function that has it done once, and gives images a second."""
        return lambda: self._images / self._answer(kind)

    def _answer(self, kind: str) -> float:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{kind}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def make(pack: str, count: str) -> None:
    """A pack of random images, written in chunks, with ten classes."""
    from latens.data.image_set import ImageSet
    from latens.data.pack import complete

    place, images = Path(pack), int(count)
    place.mkdir()
    rng = np.random.default_rng(0)
    file = np.lib.format.open_memmap(place / "made", "w+", np.uint8, (images, *SHAPE[1]))
    begin = file.offset
    with (place / "made").open("r+b") as opened:
        opened.seek(begin)
        for start in range(0, images, CHUNK):
            opened.write(rng.bytes(min(CHUNK, images - start) * SHAPE[0]))
    labels = rng.integers(0, 10, images)
    complete(ImageSet(file, labels, tuple("0123456789"), name="random"), place)


def serve(pack: str, steps: str, in_memory: str) -> None:
    """Answer each line, a kind of work, with the seconds that it took."""
    from latens.data.batches import Batches
    from latens.data.image_set import ImageSet
    from latens.data.load import load
    from latens.data.on_disk import Rows
    from latens.train.loop import fit

    images = load(Path(pack))
    # So many of them, drawn from all: an epoch over these has the steps that are asked for.
    drawn = np.random.default_rng(0).permutation(len(images))[: int(steps) * BATCH]
    index = np.sort(np.resize(drawn, int(steps) * BATCH))
    if int(in_memory):
        images = ImageSet(Rows(images.images)[index])
        index = np.arange(len(index))
    training = _training(images, index)
    for line in sys.stdin:
        kind = line.strip()
        if not int(in_memory):
            _cached(Path(pack) / "images.npy", images, index, cold=kind.endswith("cold"))
        begun = time.perf_counter()
        if kind.startswith("train"):
            fit(training)
        else:
            for _ in Batches(images, index, BATCH, training.placement.device).epoch(0):
                pass
        print(time.perf_counter() - begun, flush=True)


def _training(images: Any, index: Any) -> Any:
    """What `latens pretrain` makes of these images, for one epoch; validation is one batch of 2."""
    from latens import catalog, recipes
    from latens.data.batches import Batches
    from latens.nn.model import build
    from latens.spec import PhaseSpec, ReconstructSpec, TrainSpec
    from latens.train.device import place
    from latens.train.loop import Training

    spec = TrainSpec(batch_size=BATCH, keep="last")
    placement = place(spec)
    model = build(recipes.encoder(recipes.latent(images.shape)), images.shape, decoder=True)
    objective = catalog.load("objectives", "reconstruct").build(ReconstructSpec())
    phase = PhaseSpec(name="autoencoder", groups=("encoder", "decoder"), epochs=1)
    return Training(
        model, objective, (phase,), spec, Batches(images, index, BATCH, placement.device),
        Batches(images, index[:2], 2, placement.device), placement,
    )  # fmt: skip


def _cached(file: Path, images: Any, index: Any, *, cold: bool) -> None:
    """Have these images in the kernel's cache, or nothing of the file."""
    from latens.data.on_disk import Rows

    if not cold:
        rows = Rows(images.images)
        for start in range(0, len(index), BATCH):
            rows[index[start : start + BATCH]]
        return
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def watched(*command: str) -> dict[str, float]:
    """Have it done in a process of its own; what that says: seconds, and megabytes of memory."""
    done = subprocess.run(
        [sys.executable, __file__, *command], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _watching(work: Callable[[], dict[str, float]]) -> None:
    """Do it, and say how long it took and the most memory that the process held meanwhile."""
    peaks: dict[str, float] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for name, megabytes in _memory().items():
                peaks[name] = max(peaks.get(name, 0.0), megabytes)

    looking = threading.Thread(target=look)
    looking.start()
    begun = time.perf_counter()
    try:
        told = work()
    finally:
        over.set()
        looking.join()
    print(
        json.dumps(
            {"seconds": time.perf_counter() - begun, **peaks, "VmHWM": _memory()["VmHWM"], **told}
        )
    )


def _memory() -> dict[str, float]:
    """RssAnon, RssFile and VmHWM in megabytes of 10^6 bytes, as the kernel has them in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    wanted = ("RssAnon", "RssFile", "VmHWM")
    return {name: int(v.split()[0]) * 1024 / 1e6 for name, v in pairs if name in wanted}


def pretrain(pack: str, run: str, steps: str) -> dict[str, float]:
    """As the command does it, but that an observer ends it after so many updates."""
    import latens

    begun, first = time.perf_counter(), [0.0]

    def enough(record: Any) -> bool:
        first[0] = first[0] or time.perf_counter() - begun
        return bool(record.step >= int(steps))

    overrides = {"data.val_fraction": 0.01}
    latens.pretrain(
        Path(pack), out=run, epochs=1, observers=[enough], overrides=overrides, report=True
    )
    shutil.rmtree(run)
    return {"first": first[0]}


def check(pack: str) -> dict[str, float]:
    """`latens data check`."""
    from latens.app.data import check as check_data

    check_data(Path(pack))
    return {}


def pack(data: str, out: str, side: str = "") -> dict[str, float]:
    """`latens data pack`, of so many pixels' width and height."""
    from latens.data.pack import pack as pack_data

    shutil.rmtree(out, ignore_errors=True)
    pack_data(Path(data), Path(out), size=(int(side), int(side)) if side else None)
    return {}


if __name__ == "__main__":
    _, name, *arguments = sys.argv
    plain: dict[str, Callable[..., None]] = {"make": make, "serve": serve}
    looked_at: dict[str, Callable[..., dict[str, float]]] = {
        "pretrain": pretrain, "check": check, "pack": pack,
    }  # fmt: skip
    if name in plain:
        plain[name](*arguments)
    else:
        _watching(lambda: looked_at[name](*arguments))
