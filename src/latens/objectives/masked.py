"""Give hidden patches back, from those that are left (in the spirit of He et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from latens.data.batches import Batch
from latens.errors import UsageError
from latens.nn.model import Model
from latens.objectives._pixels import cross_entropy
from latens.objectives._step import Step
from latens.spec import MaskedSpec


class Masked:
    """`masked_mse` is the squared error over an image's hidden pixels, averaged over images;
    `mse` is that over all pixels, of which the visible ones are not trained."""

    metric = "masked_mse"

    def __init__(self, spec: MaskedSpec, class_counts: Tensor | None = None) -> None:
        self.spec = spec

    def step(self, model: Model, batch: Batch) -> Step:
        """Loss and sums of one batch, with other patches hidden each time.

        Raises `UsageError` if the image is no larger than one patch.
        """
        hidden_B1HW = hide(batch.images, self.spec.patch, self.spec.share)
        logits = model.pixel_logits(batch.images * ~hidden_B1HW).float()
        squared = (model.pixels(logits) - batch.images).square()
        errors = {"masked_mse": _inside(squared, hidden_B1HW), "mse": squared.flatten(1).mean(1)}
        if self.spec.loss == "bce":
            crossed = cross_entropy(logits, batch.images, model.squash)
            errors["bce"] = _inside(crossed, hidden_B1HW)
        loss = errors["bce" if self.spec.loss == "bce" else "masked_mse"].mean()
        return Step(loss, {n: (e.detach().sum(), len(batch)) for n, e in errors.items()})

    def score(self, values: dict[str, float]) -> tuple[float, ...]:
        """Less squared error of the hidden pixels is better, whatever the loss was."""
        return (-values["masked_mse"],)


def hide(x_BCHW: Tensor, patch: int, share: float) -> Tensor:
    """Which pixels are hidden, bool `[B, 1, H, W]`: so many whole patches of each image.

    Patches lie on a grid from the near corner; those at the far sides may be cut off. Their
    number is the nearest to `share` of all, at least one, and never all.
    """
    count, _, height, width = x_BCHW.shape
    rows, columns = -(-height // patch), -(-width // patch)
    if rows * columns < 2:
        raise UsageError(
            f"Expected patches smaller than the image to hide some; objective.patch is {patch} "
            f"and the images are {height}x{width}.",
            hint="Use a smaller objective.patch.",
            code="patch-too-large",
        )
    hidden = min(max(1, round(share * rows * columns)), rows * columns - 1)
    place = torch.rand(count, rows * columns, device=x_BCHW.device).argsort(1).argsort(1)
    grid = (place < hidden).view(count, 1, rows, columns)
    wide = grid.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    return wide[:, :, :height, :width]


def _inside(error_BCHW: Tensor, hidden_B1HW: Tensor) -> Tensor:
    """The mean over each image's hidden pixels, `[B]`."""
    pixels = hidden_B1HW.flatten(1).sum(1) * error_BCHW.shape[1]
    return (error_BCHW * hidden_B1HW).flatten(1).sum(1) / pixels


build = Masked
