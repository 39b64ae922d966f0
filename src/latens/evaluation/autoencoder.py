"""How well an autoencoder gives images back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.data.split import Split
from latens.evaluation.pca import pca_mse
from latens.evaluation.reconstruction import image_mse, psnr, ssim
from latens.nn.model import Model
from latens.progress import Progress, silent

SHOWN = 16
BATCH = 256


@torch.no_grad()
def reconstruct(
    model: Model, images: ImageSet, index: npt.NDArray[np.int64], device: torch.device
) -> npt.NDArray[np.float32]:
    """The images at `index` as the model gives them back, float32 `[M, C, H, W]` in [0, 1]."""
    model.eval()
    batches = Batches(images, index, BATCH, device).in_order()
    return np.concatenate([model.reconstruct(b.images).float().cpu().numpy() for b in batches])


def reconstruction(
    model: Model,
    images: ImageSet,
    split: Split,
    device: torch.device,
    *,
    part: str = "validation",
    limit: int = 2000,
    progress: Progress = silent,
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The result "reconstruction": errors of the model and of PCA at the same code width.

    MSE is over the whole part; SSIM over its first `limit` images, because it is slow.
    """
    index = split.val if part == "validation" else split.test
    errors, similar, first = [], 0.0, None
    for start in range(0, len(index), 1000):
        progress("evaluating", start, len(index))
        chosen = index[start : start + 1000]
        clean = images.images[chosen].astype(np.float32) / 255
        back = reconstruct(model, images, chosen, device)
        errors.append(image_mse(clean, back))
        if start < limit:
            similar += ssim(clean, back) * len(chosen)
        first = back[:SHOWN] if first is None else first
    assert first is not None
    mse = np.concatenate(errors)
    counted = min(len(index), math.ceil(limit / 1000) * 1000)
    values = {
        "images": len(index),
        "part": part,
        "mse": float(mse.mean()),
        "psnr": psnr(mse),
        "ssim": similar / counted,
        "code": model.code_size,
        "pixels": math.prod(images.shape),
        "pca_mse": _pca(model, images, split, index, progress),
    }
    arrays = {
        "originals": np.asarray(images.images[index[:SHOWN]]),
        "reconstructions": (first * 255).round().astype(np.uint8),
    }
    return values, arrays


def _pca(
    model: Model,
    images: ImageSet,
    split: Split,
    index: npt.NDArray[np.int64],
    progress: Progress,
) -> float | None:
    """PCA on as many training images as can teach it; more change the fourth digit."""
    fitted = np.sort(split.train[:20_000])
    return pca_mse(
        images.images[fitted], images.images[np.sort(index[:5000])], model.code_size, progress
    )
