"""How clean denoisers make noisy images, beside a median filter and beside doing nothing.

Shapes: M methods, L levels, N images, K shown ones; images float [B, C, H, W] in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import median_filter
from torch import Tensor

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.errors import DataError
from latens.evaluation.noise import BATCH, LEVELS, Clean, Result, check, cleaner, corrupted
from latens.evaluation.reconstruction import Quality, as_uint8
from latens.nn.model import Model
from latens.progress import Progress, silent

SHOWN = 10
WINDOWS = (3, 5)
NOISY = "left as it is"
Border = Literal["reflect", "black"]


@torch.no_grad()
def denoising(
    denoisers: Mapping[str, Model | Clean],
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    *,
    corruption: str = "salt_pepper",
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
    part: str = "test",
    border: Border = "reflect",
    limit: int = 2000,
    progress: Progress = silent,
) -> Result:
    """The result "denoising": MSE, PSNR and SSIM against the clean images at every level.

    The rows after the `denoisers` (autoencoders or functions, by name) are median filters and the
    noisy image itself. SSIM is over the first `limit` images, because it is slow. The noise is
    that of `noise` with the same seed. Arrays: `mse` float32 [M, L, N] of each image, `originals`
    uint8 [K, C, H, W], `noisy` and, by the first method, `denoised` uint8 [L, K, C, H, W]. Raises
    `DataError` (``no-images``) and `UsageError` (``bad-level``, ``unknown-corruption``).
    """
    check(corruption, levels)
    if not len(index):
        raise DataError(
            "Expected at least one image to denoise; got none.",
            hint="Choose a part of the data that has images.",
            code="no-images",
        )
    methods = _methods(denoisers, border)
    tallies = [[Quality(limit) for _ in levels] for _ in methods]
    pictures: list[tuple[npt.NDArray[np.uint8], ...]] = []
    done = 0
    for place, batch in enumerate(Batches(images, index, BATCH, device).in_order()):
        clean = _numpy(batch.images)
        for row, level in enumerate(levels):
            noisy = corrupted(batch.images, corruption, level, seed, place)
            back = [_numpy(method(noisy)) for method in methods.values()]
            for tally, given in zip(tallies, back, strict=True):
                tally[row].add(clean, given)
            if not done:
                pictures.append(tuple(as_uint8(x[:SHOWN]) for x in (clean, back[-1], back[0])))
        done += len(batch)
        progress("denoising", done, len(index))
    values = {
        "part": part,
        "images": len(index),
        "corruption": corruption,
        "seed": seed,
        "levels": [float(level) for level in levels],
        "methods": [_row(name, tally) for name, tally in zip(methods, tallies, strict=True)],
    }
    originals, noisy_LK, denoised_LK = zip(*pictures, strict=True)
    return values, {
        "originals": originals[0],
        "noisy": np.stack(noisy_LK),
        "denoised": np.stack(denoised_LK),
        "mse": np.array([[q.mse for q in tally] for tally in tallies], np.float32),
    }


def _row(name: str, tally: Sequence[Quality]) -> dict[str, Any]:
    """The numbers of one method, a list over the levels each."""
    columns = [quality.values() for quality in tally]
    return {"name": name, **{key: [c[key] for c in columns] for key in columns[0]}}


def median(x_BCHW: Tensor, size: int, border: Border = "reflect") -> Tensor:
    """Each channel through a median filter of `size` x `size` pixels (scipy's).

    The border is mirrored, or black, which suits pictures on a black ground better.
    """
    how: dict[str, Any] = {"mode": "constant"} if border == "black" else {"mode": "reflect"}
    filtered = median_filter(x_BCHW.cpu().numpy(), size=(1, 1, size, size), **how)
    return torch.from_numpy(filtered).to(x_BCHW.device)


def _methods(denoisers: Mapping[str, Model | Clean], border: Border) -> dict[str, Clean]:
    """All methods by name, the rivals last."""
    own = {name: cleaner(denoiser) for name, denoiser in denoisers.items()}
    medians = {f"median {n}×{n}": partial(median, size=n, border=border) for n in WINDOWS}
    return {**own, **medians, NOISY: _same}


def _same(x_BCHW: Tensor) -> Tensor:
    return x_BCHW


def _numpy(x: Tensor) -> npt.NDArray[np.float32]:
    return x.float().cpu().numpy()
