"""A million 64x64 colour images trained from a pack: speed, memory, and how both grow.

    python benchmarks/growth.py FOLDER [--images 1000000] [--steps 40] [--rounds 5] [--quick]
        [--keep] [--out benchmarks/results/growth.json]

FOLDER gets packs of a hundredth, a tenth and all of the images (12.3 GB for a million, written in
chunks, random pixels), and pictures to pack; afterwards it is removed unless --keep. Measured are,
in rounds that take turns, so that a machine whose clock changes is fair to all:

    from a pack     updates of latens' default autoencoder, batch 128, images drawn at random from
                    the whole pack: with the pack in the kernel's cache, and dropped from it before
    from memory     the same on as many images that lie in memory
    reading alone   the same batches without a network
    memory          of `latens.pretrain` on each pack, and of `latens data check`

Memory is the kernel's: VmHWM is the most that a process held at any time, shared libraries and
pages of files that it mapped included; RssAnon and RssFile are its two parts, looked at every 20
ms. Cold means dropped from this machine's cache: a virtual disk may still have it in its host's.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from growth_worker import KINDS, SHAPE, Worker, watched
from rows import Row, write

HERE = Path(__file__).resolve().parent
ROOM = 2.1  # disk for packs, as a multiple of the largest pack, never all there is


def main() -> None:
    given = _arguments()
    folder: Path = given.folder
    counts = [max(1000, given.images // 100), max(2000, given.images // 10), given.images]
    _require_room(folder, sum(counts))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        rows = list(_measured(folder, counts, given))
    finally:
        if not given.keep:
            shutil.rmtree(folder)
    write(given.out, rows, "growth.py")


def _measured(folder: Path, counts: list[int], given: argparse.Namespace) -> Iterator[Row]:
    for row in _rows(folder, counts, given):
        print(row.told(), flush=True)
        yield row


def _rows(folder: Path, counts: list[int], given: argparse.Namespace) -> Iterator[Row]:
    packs = [folder / f"{count}.pack" for count in counts]
    print(f"Making packs of {', '.join(f'{count:,}' for count in counts)} images.", flush=True)
    seconds = [_made(pack, count) for pack, count in zip(packs, counts, strict=True)]
    yield Row(
        f"Make a pack of {counts[-1]:,} images", None, counts[-1] / seconds[-1], "images a second",
        "random pixels drawn and written, then read again for fingerprint and hashes", "higher",
    )  # fmt: skip
    yield from _speed(packs, counts, given)
    yield from _memory(folder, packs, counts, given.steps)
    yield from _checked(packs, counts)


def _made(pack: Path, count: int) -> float:
    """Make a pack of random images; seconds."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, HERE / "growth_worker.py", "make", pack, str(count)], check=True
    )
    return time.perf_counter() - begun


def _speed(packs: list[Path], counts: list[int], given: argparse.Namespace) -> Iterator[Row]:
    """Updates and readings in turn, each in a process of its own that lives through all rounds."""
    with ExitStack() as stack:
        workers: dict[str, Callable[[], float]] = {}
        for pack, count in zip(packs, counts, strict=True):
            worker = stack.enter_context(Worker(pack, given.steps, in_memory=False))
            kinds = KINDS if pack == packs[-1] else KINDS[:1]
            workers |= {f"{kind} {count}": worker.asked(kind) for kind in kinds}
        memory = stack.enter_context(Worker(packs[-1], given.steps, in_memory=True))
        workers["from memory"] = memory.asked("train")
        speeds = in_turn(workers, given.rounds)
    last, first = counts[-1], counts[0]
    for kind, words, asked in (("train", "in the kernel's cache", 90), ("train-cold", "cold", 90)):
        name = f"{kind} {last}"
        yield Row(
            f"Train from a pack of {last:,} images, {words}, against memory",
            asked, 100 * _ratio(speeds, name, "from memory"), "%",
            f"{_span(speeds, name, 'from memory')}; "
            f"{statistics.median(speeds['from memory']):.0f} images a second from memory, "
            "network and batch as `latens pretrain` has them", "higher",
        )  # fmt: skip
    for kind, words in (("read", "in the kernel's cache"), ("read-cold", "cold")):
        yield Row(
            f"Read random batches of 128 from that pack, {words}", None,
            statistics.median(speeds[f"{kind} {last}"]), "images a second",
            "one thread, no network: how fast a training may be before reading holds it up",
            "higher",
        )  # fmt: skip
    yield Row(
        f"Time an image, {last:,} images against {first:,}", None,
        100 / _ratio(speeds, f"train {last}", f"train {first}"), "%",
        f"100 is exactly linear; {counts[1]:,} images: "
        f"{100 / _ratio(speeds, f'train {counts[1]}', f'train {first}'):.0f} %",
    )  # fmt: skip


def in_turn(workers: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each says in each round; the first round warms up, and the order turns."""
    said: dict[str, list[float]] = {name: [] for name in workers}
    names = list(workers)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            figure = workers[name]()
            if number:
                said[name].append(figure)
    return said


def _ratios(speeds: dict[str, list[float]], one: str, other: str) -> list[float]:
    return [a / b for a, b in zip(speeds[one], speeds[other], strict=True)]


def _ratio(speeds: dict[str, list[float]], one: str, other: str) -> float:
    return statistics.median(_ratios(speeds, one, other))


def _span(speeds: dict[str, list[float]], one: str, other: str) -> str:
    found = [100 * ratio for ratio in _ratios(speeds, one, other)]
    return f"{min(found):.1f} to {max(found):.1f} % over {len(found)} rounds"


def _memory(folder: Path, packs: list[Path], counts: list[int], steps: int) -> Iterator[Row]:
    """A whole `latens.pretrain` on each pack, stopped after so many updates, with its report."""
    for pack, count in zip(packs, counts, strict=True):
        peak = watched("pretrain", str(pack), str(folder / f"run-{count}"), str(steps))
        yield Row(
            f"Peak memory, latens pretrain on {count:,} images from a pack",
            1500 if pack == packs[-1] else None, peak["VmHWM"], "MB",
            f"VmHWM; of it at most {peak['RssAnon']:.0f} MB anonymous and {peak['RssFile']:.0f} MB "
            f"of mapped files (libraries); {steps} updates, 1 % of the images for validation, "
            f"evaluation and report; {peak['first']:.1f} s from opening the pack to the first "
            "update",
        )  # fmt: skip


def _checked(packs: list[Path], counts: list[int]) -> Iterator[Row]:
    for pack, count in zip(packs, counts, strict=True):
        peak = watched("check", str(pack))
        yield Row(
            f"latens data check on {count:,} images", None, peak["seconds"], "s",
            f"VmHWM {peak['VmHWM']:.0f} MB; {1e6 * peak['seconds'] / count:.0f} microseconds an "
            "image, start included", command="latens data check PACK",
        )  # fmt: skip


def _require_room(folder: Path, images: int) -> None:
    """Leave, in words, unless the disk has room for the packs and as much again."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free, wanted = shutil.disk_usage(there).free, int(ROOM * SHAPE[0] * images)
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"Expected an empty or new folder; {folder} holds files.")
    if free < wanted:
        sys.exit(
            f"Expected {wanted / 1e9:.1f} GB free at {there}, twice what is written; there are "
            f"{free / 1e9:.1f}. Give another folder, or fewer --images."
        )


def _arguments() -> argparse.Namespace:
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="30,000 images, 4 steps, 2 rounds")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "growth.json")
    given = parser.parse_args()
    usual = (30_000, 4, 2) if given.quick else (1_000_000, 40, 7)
    for name, value in zip(("images", "steps", "rounds"), usual, strict=True):
        setattr(given, name, getattr(given, name) or value)
    return given


if __name__ == "__main__":
    main()
