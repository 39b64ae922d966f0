"""Another size, another number of channels: one way for pictures and for arrays."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from latens.data.ahead import ahead
from latens.data.on_disk import Pixels as Pixels
from latens.data.on_disk import chunks, release
from latens.errors import UsageError, plural

Size = tuple[int, int]
Allocate = Callable[[tuple[int, ...]], Pixels]

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_GREY = ("1", "L", "LA", "La")


def in_memory(shape: tuple[int, ...]) -> Pixels:
    """An array to decode into; `pack` passes one that lies on disk."""
    return np.empty(shape, np.uint8)


def as_channels(picture: Image.Image, channels: int | None) -> Image.Image:
    """`picture` with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels.

    None keeps grey pictures grey and makes RGB of all others. Where transparency is dropped, the
    picture is laid on white, as a browser does; grey is ITU-R 601 luma, Pillow's own.
    """
    target = MODES[channels] if channels else ("L" if picture.mode in _GREY else "RGB")
    if picture.mode == target and not picture.has_transparency_data:
        return picture
    if picture.has_transparency_data and target in ("L", "RGB"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    elif picture.mode not in ("1", "L", "LA", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture if picture.mode == target else picture.convert(target)


def as_size(picture: Image.Image, size: Size | None) -> Image.Image:
    """`picture` stretched to `size` (height, width); bilinear, averaging when it shrinks."""
    if size is None or picture.size == size[::-1]:
        return picture
    return picture.resize(size[::-1], Image.Resampling.BILINEAR)


def to_pixels(picture: Image.Image) -> Pixels:
    """uint8 ``[C, H, W]`` of a picture of 8 bits a channel."""
    values = np.asarray(picture)
    return values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))


def to_picture(pixels: Pixels) -> Image.Image:
    """The Pillow image of uint8 ``[C, H, W]``, C from 1 to 4."""
    values = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(values))


def check_request(size: Size | None, channels: int | None) -> None:
    """Refuse a size or a number of channels that no picture can have (`UsageError`)."""
    if channels is not None and channels not in MODES:
        raise UsageError(
            f"Expected 1, 2, 3 or 4 channels; got {channels}.",
            hint="1 is grey, 3 is RGB; 2 and 4 are these with transparency.",
            code="bad-channels",
        )
    if size is not None and min(size) < 1:
        raise UsageError(
            f"Expected a height and width of at least 1; got {size[0]}x{size[1]}.",
            hint="Pass --size 32, or --size 32x48 for height 32 and width 48.",
            code="bad-size",
        )


def convert(
    images: Pixels, size: Size | None, channels: int | None, allocate: Allocate = in_memory
) -> tuple[Pixels, str]:
    """uint8 ``[N, C, H, W]`` in `size` and `channels`, and a sentence saying what was done.

    The sentence is empty, and the array the same object, when nothing had to be done.
    """
    count, had_channels, *had_size = images.shape
    want_channels, want_size = channels or had_channels, size or (had_size[0], had_size[1])
    if (want_channels, *want_size) == (had_channels, *had_size):
        return images, ""
    out, done = allocate((count, want_channels, *want_size)), 0
    work = partial(_converted, size=want_size, channels=want_channels)
    threads = os.cpu_count() or 1
    for part in ahead(work, (chunk for _, chunk in chunks(images)), threads, threads=threads):
        out[done : done + len(part)] = part
        done += len(part)
        release(out)
    return out, _sentence((had_size[0], had_size[1]), want_size, had_channels, want_channels)


def _converted(images: Pixels, size: Size, channels: int) -> Pixels:
    pictures = (as_size(as_channels(to_picture(image), channels), size) for image in images)
    return np.stack([to_pixels(picture) for picture in pictures])


def _sentence(had: Size, want: Size, had_channels: int, want_channels: int) -> str:
    done = []
    if had != want:
        done.append(f"resized from {had[0]}x{had[1]} to {want[0]}x{want[1]} (height x width)")
    if had_channels != want_channels:
        done.append(f"converted from {had_channels} to {plural(want_channels, 'channel')}")
    return f"Images were {' and '.join(done)}."
