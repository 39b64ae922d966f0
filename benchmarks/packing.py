"""How fast pictures and arrays are packed, against Pillow alone and the disk alone.

    python benchmarks/packing.py FOLDER [--rounds 5] [--jpegs ARCHIVE]

    small           the 60,000 JPEG files of 32x32 of cifar10-jpeg
    photographs     2,000 JPEG files of 640x480, each a mosaic of these, packed at 64x64
    an array        100,000 colour images of 64x64 in a .npy (1.2 GB)

Pillow alone decodes the same files and forgets them: in a loop, in a thread a core, in a process a
core. The disk alone has as many bytes written and synced. They and `latens data pack`, a process
of its own with its start, take turns; all files are in the kernel's cache. Packing hashes every
image too, and syncs what it wrote. FOLDER must be new or empty and has 4 GB of room.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from growth import in_turn
from growth_worker import watched
from rows import Row, write

HERE = Path(__file__).resolve().parent
JPEGS = HERE.parent.parent / "shared" / "data" / "cifar10-jpeg.tar.xz"
CHUNK = 64
TILES = 15, 20  # of 32x32 pixels in a mosaic
MOSAICS, ARRAYS = 2000, 100_000
SIDE = 64  # photographs are packed at this size
CORES = os.cpu_count() or 1


def decoded(files: list[str], side: int | None) -> None:
    """What Pillow needs for it: a JPEG may be drawn smaller while it is decoded."""
    for file in files:
        picture: Image.Image = Image.open(file)
        if side:
            picture.draft(None, (2 * side, 2 * side))
        picture = picture.convert("RGB")
        if side:
            picture = picture.resize((side, side), Image.Resampling.BILINEAR)
        np.asarray(picture)


def by_pillow(files: list[str], side: int | None, pool: Executor | None) -> float:
    """Seconds to decode all files."""
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    begun = time.perf_counter()
    for _ in (pool.map if pool else map)(partial(decoded, side=side), chunks):
        pass
    return time.perf_counter() - begun


def mosaics(pictures: list[str], folder: Path, count: int) -> list[str]:
    """Pictures of 640x480, each of 300 drawn from `pictures`."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows, columns = TILES
    found = []
    for number in range(count):
        drawn = [np.asarray(Image.open(pictures[i])) for i in rng.integers(len(pictures), size=300)]
        tiles = np.stack(drawn).reshape(rows, columns, 32, 32, 3)
        whole = tiles.transpose(0, 2, 1, 3, 4).reshape(rows * 32, columns * 32, 3)
        found.append(str(folder / f"{number:04d}.jpg"))
        Image.fromarray(whole).save(found[-1], quality=90)
    return found


def pictures(what: str, folder: Path, files: list[str], side: int | None, rounds: int) -> Row:
    """Packing against the quickest that Pillow does on these cores."""
    out = str(folder.with_suffix(".pack"))
    sized = (str(side),) if side else ()
    with (
        ThreadPoolExecutor(CORES) as threads,
        ProcessPoolExecutor(CORES, get_context("spawn")) as processes,
    ):
        seconds = in_turn({
            "a loop": partial(by_pillow, files, side, None),
            f"{CORES} threads": partial(by_pillow, files, side, threads),
            f"{CORES} processes": partial(by_pillow, files, side, processes),
            "latens": lambda: watched("pack", str(folder), out, *sized)["seconds"],
        }, rounds)  # fmt: skip
    typical = {name: statistics.median(took) for name, took in seconds.items()}
    others = {name: took for name, took in typical.items() if name != "latens"}
    best = min(others, key=lambda name: others[name])
    ratios = [a / b for a, b in zip(seconds[best], seconds["latens"], strict=True)]
    alone = ", ".join(f"{len(files) / took:,.0f} in {name}" for name, took in others.items())
    return Row(
        f"Pack {what}, against Pillow alone in {best}", None, statistics.median(ratios), "x",
        f"{min(ratios):.2f} to {max(ratios):.2f} x over {rounds} rounds; "
        f"{len(files) / typical['latens']:,.0f} images a second, hashing and syncing included; "
        f"Pillow alone: {alone}", "higher",
        f"latens data pack FOLDER{f' --size {side}' if side else ''}",
    )  # fmt: skip


def written(pixels: np.ndarray, file: Path) -> float:
    """Seconds to write and sync as many bytes."""
    begun = time.perf_counter()
    with file.open("wb") as opened:
        for start in range(0, len(pixels), 2000):
            opened.write(pixels[start : start + 2000].data)
        opened.flush()
        os.fsync(opened.fileno())
    took = time.perf_counter() - begun
    file.unlink()
    return took


def array(folder: Path, count: int, rounds: int) -> Row:
    """Packing a .npy against writing as much."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)
    np.save(folder / "array.npy", pixels)
    seconds = in_turn({
        "the disk": partial(written, pixels, folder / "plain"),
        "latens": lambda: watched(
            "pack", str(folder / "array.npy"), str(folder / "array.pack"))["seconds"],
    }, rounds)  # fmt: skip
    ratios = [a / b for a, b in zip(seconds["the disk"], seconds["latens"], strict=True)]
    speeds = {name: pixels.nbytes / statistics.median(took) for name, took in seconds.items()}
    return Row(
        f"Pack {count:,} colour images of 64x64 from a .npy, against writing as many bytes", None,
        statistics.median(ratios), "x",
        f"{min(ratios):.2f} to {max(ratios):.2f} x over {rounds} rounds; "
        f"{speeds['latens'] / 1e6:,.0f} MB/s, reading, hashing and syncing included; written and "
        f"synced alone {speeds['the disk'] / 1e6:,.0f} MB/s", "higher", "latens data pack FILE",
    )  # fmt: skip


def measured(folder: Path, jpegs: Path, rounds: int) -> Iterator[Row]:
    small = folder / "small"
    shutil.unpack_archive(jpegs, small, filter="data")
    files = [str(file) for file in sorted(small.rglob("*.jpg"))]
    yield pictures(f"{len(files):,} JPEG files of 32x32", small, files, None, rounds)
    large = folder / "photographs"
    made = mosaics(files, large, MOSAICS)
    yield pictures(f"{MOSAICS:,} JPEG files of 640x480 at {SIDE}x{SIDE}", large, made, SIDE, rounds)
    yield array(folder, ARRAYS, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jpegs", type=Path, default=JPEGS)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "growth.json")
    given = parser.parse_args()
    if given.folder.exists() and any(given.folder.iterdir()):
        sys.exit(f"Expected an empty or new folder; {given.folder} holds files.")
    if not given.jpegs.is_file():
        sys.exit(f"Expected the archive of cifar10-jpeg at {given.jpegs}; name it with --jpegs.")
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    try:
        for row in measured(given.folder, given.jpegs, given.rounds):
            print(row.told(), flush=True)
            rows.append(row)
    finally:
        shutil.rmtree(given.folder)
    write(given.out, rows, "packing.py")


if __name__ == "__main__":
    main()
