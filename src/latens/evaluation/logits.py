"""Class scores of a classifier over many images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.nn.model import Model
from latens.progress import Progress, silent

BATCH = 512


@torch.no_grad()
def class_logits(
    model: Model,
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    progress: Progress = silent,
) -> npt.NDArray[np.float32]:
    """Scores before the softmax, float32 `[M, K]`, of the images at `index`."""
    model.eval()
    parts = []
    for batch in Batches(images, index, BATCH, device).in_order():
        parts.append(model.class_logits(batch.images).float().cpu().numpy())
        progress("evaluating", sum(map(len, parts)), len(index))
    return np.concatenate(parts)
