"""The linear rival of an autoencoder: PCA with as many numbers in its code.

Shapes: N images of D = C * H * W pixels, k components.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from latens.progress import Progress, silent

Images = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.floating[Any]]
# 3 x 32 x 32 = 3072 fits. Beyond it D x D matrices and their eigenvectors take too long.
LARGEST = 3100
PIXELS_AT_ONCE = 1 << 22


def pca_mse(train: Images, val: Images, k: int, progress: Progress = silent) -> float | None:
    """Mean squared error on `val`, in [0, 1] units, of PCA with `k` components fitted on `train`.

    `train` and `val` are uint8 [N, C, H, W], perhaps memory maps; they are read in chunks. None,
    "not applicable", where `why_not` has a reason.
    At most N - 1 components are used, as the training images span no more.
    """
    if why_not(int(np.prod(train.shape[1:])), k):
        return None
    mean_D, covariance_DD = _moments(train, progress)
    basis_Dk = _leading(covariance_DD, min(k, len(train) - 1)).astype(np.float32)
    return _residual(val, mean_D.astype(np.float32), basis_Dk)


def why_not(size: int, k: int) -> str:
    """Why PCA with `k` components says nothing of images of `size` numbers; empty if it does."""
    if k >= size:
        return (
            f"a code of {k:,} numbers is wide enough to copy an image of {size:,}, and PCA with as "
            "many would lose nothing"
        )
    if size > LARGEST:
        return (
            f"it is worked out for images of at most {LARGEST:,} numbers (these have {size:,}): "
            "beyond, its matrices take too long, and PCA of fewer images would be too weak a rival"
        )
    return ""


def _moments(
    images: Images, progress: Progress
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean [D] and covariance [D, D] in float64, summed over chunks.

    Each chunk multiplies in float32, twice as fast, around a rough mean so that little cancels.
    """
    rough_D = next(_chunks(images)).mean(axis=0)
    size = len(rough_D)
    sum_D, product_DD, done = np.zeros(size), np.zeros((size, size)), 0
    for chunk_ND in _chunks(images):
        centred_ND = chunk_ND - rough_D
        sum_D += centred_ND.sum(axis=0, dtype=np.float64)
        product_DD += centred_ND.T @ centred_ND
        done += len(chunk_ND)
        progress("PCA", done, len(images))
    shift_D = sum_D / len(images)
    return rough_D + shift_D, product_DD / len(images) - np.outer(shift_D, shift_D)


def _leading(covariance_DD: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
    """The `k` eigenvectors of the largest eigenvalues, [D, k]."""
    size = len(covariance_DD)
    if k < 1:
        return np.zeros((size, 0))
    _, vectors = eigh(covariance_DD, subset_by_index=[size - k, size - 1])
    return np.asarray(vectors)


def _residual(images: Images, mean_D: Matrix, basis_Dk: Matrix) -> float:
    total = 0.0
    for chunk_ND in _chunks(images):
        centred_ND = chunk_ND - mean_D
        lost_ND = centred_ND - (centred_ND @ basis_Dk) @ basis_Dk.T
        total += float(np.square(lost_ND).sum(dtype=np.float64))
    return total / images.size


def _chunks(images: Images) -> Iterator[npt.NDArray[np.float32]]:
    """The images as float32 [n, D] in [0, 1], some at a time."""
    size = int(np.prod(images.shape[1:]))
    step = max(1, PIXELS_AT_ONCE // size)
    for start in range(0, len(images), step):
        yield images[start : start + step].reshape(-1, size).astype(np.float32) / np.float32(255)
