"""Picture files into one uint8 array, with all cores.

Threads, not processes: Pillow lets go of the interpreter while it decodes, and a program that
calls us needs no ``if __name__ == "__main__"``. Photographs gain all of a second core. Small
pictures gain none, since opening each takes Python longer than decoding it, and have one thread.
"""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from latens.data import layout
from latens.data.ahead import ahead
from latens.data.convert import (
    Allocate,
    Pixels,
    Size,
    as_channels,
    as_size,
    check_request,
    in_memory,
    to_pixels,
)
from latens.data.image_set import ImageSet
from latens.data.on_disk import release
from latens.data.tree import PICTURE_LIMIT, Load, Tree
from latens.errors import DataError, plural
from latens.progress import Progress, silent

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
PIXEL_LIMIT = 100_000_000  # a 100-megapixel photograph; more is taken for a decompression bomb
CHUNK = 64  # pictures for a thread at a time
SMALL = 64 * 64  # pixels up to which threads get in each other's way: 32x32 takes 1.6 times as long
TOLERATED = 0.1  # share of pictures that may be unreadable before the set is refused

_ORIENTATION = 0x0112  # the EXIF tag


class Unreadable(Exception):
    """One picture that cannot be decoded; the message says why."""


class _NeedsColour(Exception):
    """A colour picture came after grey ones: decode all of them as RGB."""


@dataclass
class _Decoded:
    """What became of the pictures: the array, and what there is to tell."""

    images: Pixels | None = None
    failed: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)


def read_tree(
    tree: Tree,
    *,
    size: Size | None,
    channels: int | None,
    progress: Progress = silent,
    allocate: Allocate = in_memory,
) -> ImageSet:
    """The pictures of a folder or archive, with labels and parts told by their folders.

    Without `size` all pictures must have the same; without `channels` they become grey if all are
    grey, else RGB. Raises `DataError` for mixed sizes, or if more than a tenth is unreadable.
    """
    what = tree.path.name
    plan = layout.plan(tree.files(), what, archive=not tree.path.is_dir())
    done = _decode(tree.stream(plan.files), plan.files, size, channels, progress, allocate)
    if done is None:
        done = _decode(tree.stream(plan.files), plan.files, size, 3, progress, allocate)
    assert done is not None
    _refuse_unreadable(done.failed, len(plan.files), what)
    return _image_set(plan, done, tree.path, size)


def read_files(
    paths: Sequence[Path],
    *,
    size: Size | None,
    channels: int | None,
    refused: Callable[[str, str], object] | None = None,
) -> Pixels:
    """Single pictures as uint8 ``[N, C, H, W]``, in the order given.

    With `refused`, which is called with file and reason, those that cannot be read are left out;
    without it one is a `DataError` (``unreadable-images``), as it is if none can be read.
    """
    check_request(size, channels)
    names = [str(path) for path in paths]
    loads = [(str(path), path.read_bytes) for path in paths]
    done = _decode(iter(loads), names, size, channels, silent, in_memory)
    if done is None:
        done = _decode(iter(loads), names, size, 3, silent, in_memory)
    assert done is not None
    if done.images is None or (done.failed and refused is None):
        raise _unreadable(done.failed, len(names), "the files given")
    for name, why in done.failed.items():
        assert refused is not None
        refused(name, why)
    return done.images


def decode(content: bytes, size: Size | None, channels: int | None) -> tuple[Pixels, str]:
    """One picture file as uint8 ``[C, H, W]``, upright, and what it was (such as ``"RGBA"``).

    Raises `Unreadable`, or `DataError` for one of more than `PIXEL_LIMIT` pixels.
    """
    try:
        opened = Image.open(io.BytesIO(content), formats=FORMATS)
        _refuse_bomb(opened)
        if size:
            opened.draft(None, (2 * max(size), 2 * max(size)))  # JPEG: at 1/2 to 1/8, far faster
        picture: Image.Image = opened
        if picture.getexif().get(_ORIENTATION, 1) != 1:
            picture = ImageOps.exif_transpose(picture)
        had = "transparent" if picture.has_transparency_data else picture.mode
        picture = as_size(as_channels(_eight_bit(picture), channels), size)
        return to_pixels(picture), had
    except Image.DecompressionBombError as error:
        raise _bomb(str(error)) from error
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        # Pillow names the file object that we gave it, which means nothing to a person.
        reason = str(error) if "BytesIO" not in str(error) else "not a picture, or cut off"
        raise Unreadable(reason or type(error).__name__) from error


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Pictures of 16 bits lose their lower 8, floats in [0, 1] are scaled; others pass."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture)
    if picture.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):
            raise Unreadable("float values outside 0 to 1")
        return Image.fromarray(np.round(values * 255).astype(np.uint8))
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("integer values of more than 16 bits")
    return Image.fromarray((values.astype(np.uint16) >> 8).astype(np.uint8))


def _decode(
    stream: Iterator[tuple[str, Load]],
    files: Sequence[str],
    size: Size | None,
    channels: int | None,
    progress: Progress,
    allocate: Allocate,
) -> _Decoded | None:
    """Decode everything; None if grey pictures turned out to have coloured ones among them."""
    slot = {file: index for index, file in enumerate(files)}
    done, count = _Decoded(), 0
    try:
        for name, result, had in _in_threads(stream, size, channels):
            count += 1
            if count % CHUNK == 0 or count == len(files):
                progress("decoding", count, len(files))
                release(done.images)
            if isinstance(result, str):
                done.failed[name] = result
                continue
            done.failed.pop(name, None)
            done.seen[had] += 1
            if done.images is None:
                done.images = allocate((len(files), *result.shape))
            _refuse_other_shape(done.images, result, name)
            done.images[slot[name]] = result  # a grey picture among coloured ones is spread
    except _NeedsColour:
        return None
    if done.images is not None and done.failed:
        done.images = _closed_up(done.images, [file not in done.failed for file in files])
    return done


def _closed_up(images: Pixels, kept: list[bool]) -> Pixels:
    """The kept images side by side, moved where they are: they may be more than memory holds."""
    numbers = np.flatnonzero(kept)
    for start in range(0, len(numbers), CHUNK):
        chosen = numbers[start : start + CHUNK]
        images[start : start + len(chosen)] = images[chosen]
        release(images)
    return images[: len(numbers)]


def _refuse_other_shape(images: Pixels, result: Pixels, name: str) -> None:
    if images.shape[2:] != result.shape[1:]:
        raise DataError(
            f"Expected pictures of one size; got {images.shape[2]}x{images.shape[3]} and "
            f"{result.shape[1]}x{result.shape[2]} ({name}), height x width.",
            hint="Pass --size 32 (or --size HxW) to resize all of them.",
            code="mixed-sizes",
        )
    if len(result) > images.shape[1]:
        raise _NeedsColour


def _in_threads(
    stream: Iterator[tuple[str, Load]], size: Size | None, channels: int | None
) -> Iterator[tuple[str, Pixels | str, str]]:
    """Decoded pictures in the order of `stream`; a few chunks are under way, never all of it."""
    work = partial(_decode_chunk, size=size, channels=channels)
    with _quiet():
        first = [] if size else work(list(islice(stream, 1)))
        yield from first
        threads = 1 if _small(first) else os.cpu_count() or 1
        with closing(ahead(work, _chunks(stream), 2 * threads, threads=threads)) as decoded:
            for results in decoded:
                yield from results


def _small(results: Sequence[tuple[str, Pixels | str, str]]) -> bool:
    """Whether such pictures, as large as their files have them, are quicker decoded by one."""
    shapes = [result.shape for _, result, _ in results if not isinstance(result, str)]
    return any(height * width <= SMALL for _, height, width in shapes)


def _chunks(stream: Iterable[tuple[str, Load]]) -> Iterator[list[tuple[str, Load]]]:
    items = iter(stream)
    while chunk := list(islice(items, CHUNK)):
        yield chunk


def _decode_chunk(
    chunk: list[tuple[str, Load]], size: Size | None, channels: int | None
) -> list[tuple[str, Pixels | str, str]]:
    results: list[tuple[str, Pixels | str, str]] = []
    for name, load in chunk:
        try:
            content = load()
            if len(content) > PICTURE_LIMIT:
                raise Unreadable("the file is too large")
            results.append((name, *decode(content, size, channels)))
        except DataError as error:
            if error.code == "picture-too-large":
                raise _bomb(name) from error
            if error.code == "archive-too-large":
                raise
            results.append((name, error.message, ""))
        except (Unreadable, OSError) as error:
            results.append((name, str(error), ""))
    return results


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of oddities that we either handle (bombs) or forgive (broken EXIF)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _refuse_bomb(picture: Image.Image) -> None:
    if picture.width * picture.height > PIXEL_LIMIT:
        raise _bomb("a picture")


def _bomb(name: str) -> DataError:
    return DataError(
        f"Expected pictures of at most {PIXEL_LIMIT // 10**6} million pixels; {name} has more.",
        hint="Shrink it or take it out: it may be a decompression bomb.",
        code="picture-too-large",
    )


def _refuse_unreadable(failed: dict[str, str], count: int, what: str) -> None:
    if len(failed) > TOLERATED * count:
        raise _unreadable(failed, count, what)


def _unreadable(failed: dict[str, str], count: int, what: str) -> DataError:
    shown = "; ".join(f"{name} ({why})" for name, why in sorted(failed.items())[:3])
    return DataError(
        f"Expected readable pictures in {what}; {len(failed)} of {count} cannot be read: {shown}.",
        hint="Take them out or copy them again.",
        code="unreadable-images",
    )


def _image_set(plan: layout.Plan, done: _Decoded, path: Path, size: Size | None) -> ImageSet:
    kept = np.array([file not in done.failed for file in plan.files])
    start = plan.test_start if plan.test_start is None else int(kept[: plan.test_start].sum())
    assert done.images is not None
    return ImageSet(
        done.images,
        None if plan.labels is None else plan.labels[kept],
        plan.class_names,
        name=path.name.split(".")[0],
        test_start=None if start == kept.sum() else start,
        notes=(*plan.notes, *_notes(done, size)),
        skipped=tuple(sorted(done.failed)),
    )


def _notes(done: _Decoded, size: Size | None) -> list[str]:
    notes = []
    assert done.images is not None
    if done.failed:
        first = sorted(done.failed)[0]
        notes.append(f"{plural(len(done.failed), 'unreadable picture')} skipped ({first}).")
    if done.images.shape[1] in (1, 3) and done.seen["transparent"]:
        notes.append(f"{plural(done.seen['transparent'], 'transparent picture')} laid on white.")
    deep = sum(count for mode, count in done.seen.items() if mode.startswith(("I", "F")))
    if deep:
        notes.append(f"{plural(deep, 'picture')} of more than 8 bits a channel reduced to 8.")
    if len(done.seen) > 1:
        seen = ", ".join(f"{count} {mode}" for mode, count in done.seen.most_common())
        notes.append(
            f"Colour modes differ ({seen}); all are read as "
            f"{plural(done.images.shape[1], 'channel')}."
        )
    if done.images.shape[1] == 1 and {*done.seen} & {"RGB", "RGBA", "CMYK", "YCbCr"}:
        notes.append("Pictures in colour were turned grey.")
    if size:
        notes.append(f"Pictures were resized to {size[0]}x{size[1]} (height x width) where needed.")
    return notes
