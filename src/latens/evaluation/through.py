"""Images as an autoencoder gives them back: what a classifier behind a denoiser is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.nn.model import Model
from latens.objectives._corrupt import corrupted
from latens.progress import Progress, silent
from latens.seeds import fold
from latens.spec import CorruptSpec

BATCH = 512


@torch.no_grad()
def passed_through(
    model: Model,
    images: ImageSet,
    corruptions: tuple[CorruptSpec, ...] = (),
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> ImageSet:
    """The same set with every image corrupted, and then given back by `model`.

    Noise is drawn once an image from `seed`. Labels, classes and the test part stay as they are.
    """
    device = next(model.parameters()).device
    model.eval()
    out = np.empty_like(images.images)
    index = np.arange(len(images))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(fold(seed, "through"))
        for number, batch in enumerate(Batches(images, index, BATCH, device).in_order()):
            noisy = corrupted(batch.images, corruptions) if corruptions else batch.images
            clean = (model.reconstruct(noisy) * 255).round().to(torch.uint8).cpu().numpy()
            start = number * BATCH
            out[start : start + len(clean)] = clean
            progress("denoising", start + len(clean), len(images))
    return replace(images, images=out, name=f"{images.name} given back")
