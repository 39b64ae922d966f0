"""Arrays that a program already holds, made into an image set; nothing ambiguous is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from latens.data.convert import Pixels
from latens.data.image_set import UNLABELLED, ImageSet
from latens.errors import DataError, plural

Labelled = tuple[Any, Any]


def from_arrays(
    images: Any,
    labels: Any = None,
    *,
    test: Labelled | None = None,
    class_names: Sequence[str] = (),
    name: str = "arrays",
) -> ImageSet:
    """An image set of arrays, with `test` (images, labels or None) as the official test part.

    Images are ``[N, H, W]``, ``[N, C, H, W]`` or ``[N, H, W, C]``; uint8 from 0 to 255, other
    integers in that range, bools, or floats in [0, 1]. Labels are integers or strings ``[N]``; a
    negative integer means unlabelled. Raises `DataError` for anything else. A uint8 array in
    ``[N, C, H, W]`` is not copied.
    """
    pixels, notes = to_images(images)
    if test is None:
        numbers, names = _labels(labels, len(pixels), class_names)
        return ImageSet(pixels, numbers, names, name=name, notes=notes)
    test_pixels, _ = to_images(test[0])
    if test_pixels.shape[1:] != pixels.shape[1:]:
        raise DataError(
            f"Expected test images of shape {pixels.shape[1:]} like the training images; "
            f"got {test_pixels.shape[1:]}.",
            hint="Bring both to one shape first.",
            code="shapes-disagree",
        )
    both = _joined(labels, test[1], len(pixels), len(test_pixels))
    numbers, names = _labels(both, len(pixels) + len(test_pixels), class_names)
    start = len(pixels)
    pixels = np.concatenate([pixels, test_pixels])
    return ImageSet(pixels, numbers, names, name=name, test_start=start, notes=notes)


def to_images(images: Any) -> tuple[Pixels, tuple[str, ...]]:
    """uint8 ``[N, C, H, W]`` and sentences about what was assumed and converted."""
    values = images if isinstance(images, np.memmap) else np.asarray(images)
    values, layout = _channels_first(values)
    pixels, scaled = _uint8(values)
    return pixels, tuple(note for note in (layout, scaled) if note)


def _channels_first(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str]:
    if values.ndim == 3:
        return values[:, None], ""
    if values.ndim != 4:
        raise DataError(
            f"Expected images [N, H, W], [N, C, H, W] or [N, H, W, C]; got shape {values.shape}.",
            hint="Rows of pixels need their height and width: x.reshape(-1, 28, 28).",
            code="not-images",
        )
    first, last = 1 <= values.shape[1] <= 4, 1 <= values.shape[3] <= 4
    if first and last:
        raise DataError(
            f"Expected a shape that shows where the channels are; {values.shape} can be read as "
            "[N, C, H, W] and as [N, H, W, C].",
            hint="Pass an ImageSet, whose layout is [N, C, H, W].",
            code="ambiguous-layout",
        )
    if first:
        return values, ""
    if last:
        note = f"Shape {values.shape} was read as [N, H, W, C]: {values.shape[3]} channels last."
        moved = values.transpose(0, 3, 1, 2)
        return moved if isinstance(values, np.memmap) else np.ascontiguousarray(moved), note
    raise DataError(
        f"Expected 1 to 4 channels, in the second or last place; got shape {values.shape}.",
        hint="The layout is [N, C, H, W].",
        code="bad-channels",
    )


def _uint8(values: npt.NDArray[Any]) -> tuple[Pixels, str]:
    kind = values.dtype.kind
    if values.dtype == np.uint8:
        return values, ""
    if kind not in "fiub" or not values.size:
        raise DataError(
            f"Expected numbers as pixels; got {values.dtype} of shape {values.shape}.",
            hint="Use uint8 from 0 to 255, or floats from 0 to 1.",
            code="not-images",
        )
    _require_finite(values)
    low, high = values.min(), values.max()
    limit = 1 if kind in "fb" else 255
    if low < 0 or high > limit:
        raise DataError(
            f"Expected {values.dtype} pixels from 0 to {limit}; got {low} to {high}.",
            hint="Scale to floats in [0, 1], or to uint8 with x.astype('uint8') if 0 to 255.",
            code="bad-range",
        )
    if limit == 255:
        return values.astype(np.uint8), f"{values.dtype} pixels were taken as 0 to 255."
    scaled = np.round(values.astype(np.float32, copy=False) * 255).astype(np.uint8)
    return scaled, f"{values.dtype} pixels in [0, 1] were scaled to 0 to 255."


def _require_finite(values: npt.NDArray[Any]) -> None:
    if values.dtype.kind != "f":
        return
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise DataError(
            f"Expected finite numbers as pixels; got {plural(bad, 'value')} of NaN or infinity.",
            hint="Find them with np.isnan, or make them black with np.nan_to_num(x, posinf=0).",
            code="not-finite",
        )


def _joined(train: Any, test: Any, train_count: int, test_count: int) -> Any:
    if train is None and test is None:
        return None
    parts = [np.asarray(part).reshape(-1) for part in (train, test) if part is not None]
    if len(parts) == 1:
        if parts[0].dtype.kind not in "iu":
            raise DataError(
                "Expected labels for training and test images, or for neither; got one of them.",
                hint="Leave both out, or give both.",
                code="counts-disagree",
            )
        missing = np.full(test_count if test is None else train_count, UNLABELLED)
        parts.insert(1 if test is None else 0, missing)
    for part, count in zip(parts, (train_count, test_count), strict=True):
        _check_count(count, len(part))
    return np.concatenate(parts)


def _labels(
    labels: Any, count: int, class_names: Sequence[str]
) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Label numbers from 0 and the names of the classes."""
    if labels is None:
        return None, ()
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] == 1:  # as Keras and MedMNIST have them
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iuUSb":
        raise DataError(
            f"Expected one integer or name as label of an image; got {values.dtype} "
            f"of shape {values.shape}.",
            hint="One-hot rows become numbers with y.argmax(1), floats with y.astype(int).",
            code="bad-labels",
        )
    _check_count(count, len(values))
    if values.dtype.kind in "US":
        found, numbers = np.unique(values.astype(str), return_inverse=True)
        return numbers.astype(np.int64), tuple(str(name) for name in found)
    return _numbered(values.astype(np.int64), tuple(class_names))


def _numbered(
    values: npt.NDArray[np.int64], class_names: tuple[str, ...]
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Numbers that count from 0 stay; others (1 to 10; 3 and 7) are numbered anew."""
    values = np.where(values < 0, UNLABELLED, values)
    found = np.unique(values[values >= 0])
    if class_names:
        if len(found) and found[-1] >= len(class_names):
            raise DataError(
                f"Expected labels below {len(class_names)}, one for each class name; "
                f"got {found[-1]}.",
                hint="Give every class a name, in the order of the label numbers.",
                code="bad-labels",
            )
        return values, class_names
    numbers = np.searchsorted(found, values)
    numbers[values < 0] = UNLABELLED
    return numbers.astype(np.int64), tuple(str(value) for value in found)


def _check_count(images: int, labels: int) -> None:
    if images != labels:
        raise DataError(
            f"Expected one label an image; got {plural(images, 'image')} "
            f"and {plural(labels, 'label')}.",
            hint="Images and labels must come from the same set.",
            code="counts-disagree",
        )
