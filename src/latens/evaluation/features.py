"""What a trained classifier sees in images: the numbers just before its class scores."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from latens.data.batches import Batches
from latens.data.image_set import ImageSet
from latens.errors import UsageError
from latens.nn.model import Model
from latens.progress import Progress, silent

BATCH = 500


@torch.no_grad()
def penultimate(
    classifier: Model,
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    progress: Progress = silent,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Features float32 [N, D] of the classifier's last layer but one, and its scores [N, K].

    Raises `UsageError` (``no-classifier``) for a model without a dense last layer.
    """
    classifier.eval()
    seen: list[Tensor] = []
    handle = _last(classifier).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    scores = []
    try:
        for batch in Batches(images, index, BATCH, device).in_order():
            scores.append(classifier.class_logits(batch.images).float().cpu().numpy())
            progress("features", sum(map(len, scores)), len(index))
    finally:
        handle.remove()
    features = [found.float().flatten(1).cpu().numpy() for found in seen]
    return np.concatenate(features), np.concatenate(scores)


def weights_sha256(module: nn.Module) -> str:
    """sha256 over the names and bytes of all weights and running means (64 hex digits)."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _last(classifier: Model) -> nn.Linear:
    """The dense layer that gives the class scores."""
    layers = [] if classifier.head is None else list(classifier.head.modules())
    dense = [layer for layer in layers if isinstance(layer, nn.Linear)]
    if not dense:
        raise UsageError(
            "Expected a classifier whose last layer is dense; this model has none.",
            hint="Train one with: latens classify DATA",
            code="no-classifier",
        )
    return dense[-1]
