"""How well an autoencoder gives images back, clean ones and those that it learned to mend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from latens import catalog
from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.data.on_disk import Rows
from latens.data.split import Split
from latens.evaluation.latent import active, variances
from latens.evaluation.pca import pca_mse, why_not
from latens.evaluation.reconstruction import Quality, as_uint8
from latens.metrics import Totals
from latens.nn.model import Model
from latens.objectives._corrupt import corrupted
from latens.objectives.masked import hide
from latens.progress import Progress, silent
from latens.seeds import fold
from latens.spec import DenoiseSpec, JointSpec, MaskedSpec, ObjectiveSpec, VaeSpec

SHOWN = 16
BATCH = 256
Spoil: TypeAlias = Callable[[Tensor], Tensor]
Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


def reconstruction(
    model: Model,
    images: ImageSet,
    split: Split,
    device: torch.device,
    *,
    part: str = "validation",
    objective: ObjectiveSpec | None = None,
    limit: int = 2000,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[dict[str, Any], Arrays]:
    """The result "reconstruction": errors of the model and of PCA at the same code width.

    `mse`, `psnr` and `ssim` are of clean images. Where the `objective` spoils its input, the same
    numbers after `noisy_` are of spoilt images, judged by the clean ones, and those after `input_`
    of the spoilt images as they are. Masked and variational models also have their objective's own
    means, such as `neg_elbo` in nats, and variational ones `active`, how many variables of their
    code are in use. What is random follows from the `seed`. SSIM is over the first `limit` images.
    `pca_reason` says why where `pca_mse` is None. Arrays, uint8
    [<=16, C, H, W]: `originals`, `reconstructions`, and where there are spoilt ones `corrupted` and
    `denoised`.
    """
    index = split.val if part == "validation" else split.test
    values, arrays = _quality(
        model, images, index, device, spoiling(objective), limit, seed, progress
    )
    pixels = math.prod(images.shape)
    pca = _pca(model, images, split, index, progress)
    return {
        "images": len(index),
        "part": part,
        **values,
        **_own(model, images, index, device, objective, seed),
        "code": model.code_size,
        "pixels": pixels,
        "pca_mse": pca,
        "pca_reason": why_not(pixels, model.code_size) or None,
    }, arrays


def spoiling(objective: ObjectiveSpec | None) -> Spoil | None:
    """What the objective does to its input images, drawing from torch's global generator."""
    if isinstance(objective, DenoiseSpec | JointSpec) and objective.corruptions:
        corruptions = objective.corruptions
        return lambda x_BCHW: corrupted(x_BCHW, corruptions)
    if isinstance(objective, MaskedSpec):
        patch, share = objective.patch, objective.share
        return lambda x_BCHW: x_BCHW * ~hide(x_BCHW, patch, share)
    return None


@torch.no_grad()
def _quality(
    model: Model,
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    spoil: Spoil | None,
    limit: int,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, float], Arrays]:
    """The numbers and pictures of one pass over the images."""
    model.eval()
    kinds = ("", "noisy_", "input_") if spoil else ("",)
    tallies = {kind: Quality(limit) for kind in kinds}
    shown: Arrays = {}
    done = 0
    for place, batch in enumerate(Batches(images, index, BATCH, device).in_order()):
        progress("evaluating", done, len(index))
        given = {"": model.reconstruct(batch.images, batch.labels)}
        if spoil:
            with seeded(device, seed, "spoilt", place):
                given["input_"] = spoil(batch.images)
            given["noisy_"] = model.reconstruct(given["input_"], batch.labels)
        clean, back = _numpy(batch.images), {kind: _numpy(x) for kind, x in given.items()}
        for kind, tally in tallies.items():
            tally.add(clean, back[kind])
        shown = shown or _pictures(clean, back)
        done += len(batch)
    return {k: v for kind, tally in tallies.items() for k, v in tally.values(kind).items()}, shown


@torch.no_grad()
def _own(
    model: Model,
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    objective: ObjectiveSpec | None,
    seed: int,
) -> dict[str, float]:
    """Means of the objective's own metrics, where they say more than errors of pixels."""
    if not isinstance(objective, MaskedSpec | VaeSpec):
        return {}
    own, totals = catalog.load("objectives", objective.kind).build(objective), Totals()
    for place, batch in enumerate(Batches(images, index, BATCH, device).in_order()):
        with seeded(device, seed, "own", place):
            totals.add(own.step(model, batch).sums)
    means = {name: value for name, value in totals.read().items() if name not in ("mse", "bce")}
    if isinstance(objective, VaeSpec):
        means["active"] = active(variances(model, images, index, device))
    return means


@contextmanager
def seeded(device: torch.device, seed: int, purpose: str, place: int) -> Iterator[None]:
    """torch's global generators follow from these for a while, and are as before afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(fold(seed, purpose, place))
        yield


def _pictures(clean: npt.NDArray[Any], back: dict[str, npt.NDArray[Any]]) -> Arrays:
    """The first images as they are shown."""
    named = {"reconstructions": "", "corrupted": "input_", "denoised": "noisy_"}
    found = {name: as_uint8(back[k][:SHOWN]) for name, k in named.items() if k in back}
    return {"originals": as_uint8(clean[:SHOWN]), **found}


def _pca(
    model: Model,
    images: ImageSet,
    split: Split,
    index: npt.NDArray[np.int64],
    progress: Progress,
) -> float | None:
    """PCA on as many training images as can teach it; more change the fourth digit."""
    if why_not(math.prod(images.shape), model.code_size):
        return None  # before images are read for it
    rows = Rows(images.images)
    fitted = np.sort(split.train[:20_000])
    return pca_mse(rows[fitted], rows[np.sort(index[:5000])], model.code_size, progress)


def _numpy(x: Tensor) -> npt.NDArray[np.float32]:
    return x.float().cpu().numpy()
