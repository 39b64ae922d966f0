"""What the rules may look at. Each field is optional: a rule without its inputs does not apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from latens.data.image_set import ImageSet
from latens.spec import RunSpec

Index = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Context:
    """A run or a comparison, as far as the caller knows it.

    Attributes:
        images: the image set of this run.
        train_index, val_index, test_index: this run's split, int [n], indices into `images`.
        labelled_index: the training images whose labels were used.
        spec: what this run was asked to do.
        pretrain_index: the images that the encoder saw before (training and validation), indices
            into the set whose fingerprint is `pretrain_fingerprint`.
        pretrain_fingerprint: the fingerprint of the set that the encoder was pretrained on.
        pretrain_images: that set itself; needed only if it is another than `images`.
        pretrain_spec: what the encoder's run was asked to do.
        code_size, pixels: numbers in the code; C * H * W.
        mse, pca_mse: the error on validation, and that of PCA with as many numbers.
        active_units: how many variables of a VAE's code are in use (`latens.evaluation.latent`).
        seeds: the seeds of a comparison.
        arms: its arms as the result "comparison" has them; `mode`, `labels` and, if there,
            `accuracies` (one a seed) are read.
        val_accuracy: of a classifier, on validation.
        selected_on: the part of the data on which the reported epoch or setting was chosen.
        measured, right: how many test images a classifier was tested on, and how many it got right.
    """

    images: ImageSet | None = None
    train_index: Index | None = None
    val_index: Index | None = None
    test_index: Index | None = None
    labelled_index: Index | None = None
    spec: RunSpec | None = None
    pretrain_index: Index | None = None
    pretrain_fingerprint: str | None = None
    pretrain_images: ImageSet | None = None
    pretrain_spec: RunSpec | None = None
    code_size: int | None = None
    pixels: int | None = None
    mse: float | None = None
    pca_mse: float | None = None
    active_units: int | None = None
    seeds: Sequence[int] | None = None
    arms: Sequence[Mapping[str, Any]] | None = None
    selected_on: Literal["train", "validation", "test"] | None = None
    val_accuracy: float | None = None
    measured: int | None = None
    right: int | None = None

    @property
    def fitted_index(self) -> Index | None:
        """What this run learned or chose from: training and validation together."""
        parts = [part for part in (self.train_index, self.val_index) if part is not None]
        return np.concatenate(parts) if parts else None
