"""The inside of a variational autoencoder: which variables it uses, and what they do to images.

P pairs, S steps, V variables shown, D variables in all.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.errors import DataError
from latens.evaluation.reconstruction import as_uint8
from latens.nn.generate import codes, interpolate, traverse
from latens.nn.model import Model
from latens.nn.variational import Variational
from latens.progress import Progress, silent

BATCH = 500
ACTIVE = 0.01  # Burda, Grosse and Salakhutdinov (2016), appendix C
STOPS = (-3.0, -2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25, 3.0)
Indices: TypeAlias = npt.NDArray[np.int64]
Result: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


def latent(
    model: Model,
    images: ImageSet,
    index: Indices,
    device: torch.device,
    *,
    pairs: int = 6,
    steps: int = 10,
    variables: int = 8,
    sample: int = 2000,
    seed: int = 0,
    part: str = "validation",
    progress: Progress = silent,
) -> Result:
    """The result "latent": how many variables are in use, interpolations and traversals.

    A variable is in use (active) if its mean varies over images by more than 0.01; `activity` has
    these variances, the largest first, and `order` whose they are. Pairs are drawn from `index`,
    of one class each where the model is conditional. One image is shown with each of the most
    active variables from -3 to 3. Arrays: `interpolations` uint8 [P, S, C, H, W] with their ends
    `starts` and `ends` [P, C, H, W], `traversals` [V, 9, C, H, W] with their image `traversed`.
    Raises `UsageError` (``not-variational``) and `DataError` (``too-few-images``).
    """
    if len(index) < 2:
        raise DataError(
            f"Expected at least 2 images to go from one to another; got {len(index)}.",
            hint="Choose a part of the data that has images.",
            code="too-few-images",
        )
    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(index)[:sample])
    activity = variances(model, images, some, device, progress)
    order = np.argsort(-activity, kind="stable")
    starts, ends = _pairs(images, index, pairs, _told(model), rng)
    told = _labels(model, images, starts, device)
    x, y = _pixels(images, starts, device), _pixels(images, ends, device)
    between = interpolate(model, x, y, steps, told)
    first = None if told is None else told[:1]
    rows = [traverse(model, x[:1], int(v), STOPS, first)[0] for v in order[:variables]]
    values = {
        "part": part,
        "images": min(len(index), sample),
        "latent": len(activity),
        "active": active(activity),
        "activity": activity[order].tolist(),
        "order": order.tolist(),
        "stops": list(STOPS),
    }
    arrays = {
        "interpolations": _uint8(between),
        "starts": np.asarray(images.images[starts]),
        "ends": np.asarray(images.images[ends]),
        "traversals": _uint8(torch.stack(rows)),
        "traversed": np.asarray(images.images[starts[0]]),
    }
    return values, arrays


def active(variances_D: npt.NDArray[np.float64]) -> int:
    """How many variables are in use."""
    return int((variances_D > ACTIVE).sum())


def variances(
    model: Model,
    images: ImageSet,
    index: Indices,
    device: torch.device,
    progress: Progress = silent,
) -> npt.NDArray[np.float64]:
    """The variance over images of each variable's mean, float64 [D]."""
    found = []
    for batch in Batches(images, index, BATCH, device).in_order():
        labels = batch.labels if _told(model) else None
        found.append(codes(model, batch.images, labels).cpu().numpy())
        progress("codes", sum(map(len, found)), len(index))
    return np.asarray(np.concatenate(found).astype(np.float64).var(axis=0))


def _pairs(
    images: ImageSet, index: Indices, count: int, same: bool, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    """Two images of each pair; of one class where `same`, else of two where there are labels."""
    starts = rng.choice(index, count, replace=len(index) < count)
    if images.labels is None:
        return starts, np.array([rng.choice(index[index != start]) for start in starts])
    labels = images.labels[index]
    ends = []
    for start in starts:
        fits = (labels == images.labels[start]) == same
        others = index[fits & (index != start)]
        ends.append(rng.choice(others if len(others) else index[index != start]))
    return starts, np.array(ends)


def _told(model: Model) -> bool:
    """Whether the model is told the class."""
    return isinstance(model.decoder, Variational) and bool(model.decoder.classes)


def _labels(model: Model, images: ImageSet, index: Indices, device: torch.device) -> Tensor | None:
    if not _told(model) or images.labels is None:
        return None
    return torch.from_numpy(images.labels[index]).to(device)


def _pixels(images: ImageSet, index: Indices, device: torch.device) -> Tensor:
    return torch.from_numpy(images.images[index]).to(device).float() / 255


def _uint8(images: Tensor) -> npt.NDArray[np.uint8]:
    return as_uint8(images.cpu().numpy())
