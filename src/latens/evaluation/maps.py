"""Maps of codes: where an encoder puts images, in two dimensions, and how well classes part there.

A map is a picture, and t-SNE's and UMAP's distances are not to be read as such; the numbers beside
them are. N images, D numbers in a code.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from latens.data.batches import Batch, Batches
from latens.data.image_set import UNLABELLED, ImageSet
from latens.errors import DataError, UsageError, unknown_name
from latens.nn.generate import codes
from latens.nn.model import Model
from latens.nn.variational import Variational
from latens.progress import Progress, silent

BATCH = 500
CELLS = 26  # thumbnails are taken from the cells of such a grid over the map, one a cell
FIRST_PCA = 50  # t-SNE starts from as many components, as its authors do
Matrix: TypeAlias = npt.NDArray[np.floating[Any]]
Result: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


def maps(
    model: Model,
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    *,
    methods: Sequence[str] = ("pca", "t-sne"),
    stage: str | None = None,
    sample: int = 2000,
    neighbours: int = 10,
    seed: int = 0,
    part: str = "validation",
    progress: Progress = silent,
) -> Result:
    """The result "maps": a sample of the images at `index`, placed by their codes.

    `methods` are of ``pca``, ``t-sne`` and ``umap`` (needs the extra of that name); `stage` takes
    the features after a named stage of the encoder. `knn` is the accuracy of naming each image by
    its nearest `neighbours` others in the code, `knn_pixels` the same in pixels; each map has its
    own `knn` and its trustworthiness (Venna and Kaski 2001), 0 to 1. Arrays: `map_0`, ... float32
    [N, 2], `labels` int64 [N] (-1 without), `thumbnails` uint8 [T, C, H, W] with their places
    `thumbnail_index` int64 [T]. Raises `UsageError` (``unknown-map``, ``missing-extra``) and
    `DataError` (``too-few-images``).
    """
    _check(methods, len(index), neighbours)
    chosen = _sample(index, sample, seed)
    labels = np.full(len(chosen), UNLABELLED) if images.labels is None else images.labels[chosen]
    codes = _codes(model, images, chosen, device, stage)
    pixels = images.images[chosen].reshape(len(chosen), -1) / np.float32(255)
    values: dict[str, Any] = {
        "part": part,
        "images": len(chosen),
        "code": codes.shape[1],
        "stage": stage,
        "neighbours": neighbours,
        "knn": knn_accuracy(codes, labels, neighbours),
        "knn_pixels": knn_accuracy(pixels, labels, neighbours),
        "classes": list(images.class_names),
        "maps": [],
    }
    arrays: dict[str, npt.NDArray[Any]] = {"labels": labels}
    for number, method in enumerate(methods):
        progress("placing codes", number, len(methods))
        points = place(codes, method, seed)
        values["maps"].append(_about(method, codes, points, labels, neighbours))
        arrays[f"map_{number}"] = points
    progress("placing codes", len(methods), len(methods))
    shown = np.unique(np.concatenate([_spread(arrays[f"map_{n}"]) for n in range(len(methods))]))
    arrays |= {"thumbnail_index": shown, "thumbnails": np.asarray(images.images[chosen[shown]])}
    return values, arrays


def place(codes: Matrix, method: str, seed: int = 0) -> npt.NDArray[np.float32]:
    """Codes [N, D] in two dimensions, float32 [N, 2]; the same seed gives the same map."""
    points = METHODS[method](np.asarray(codes, np.float32), seed)
    return np.asarray(points, dtype=np.float32)


def knn_accuracy(
    codes: Matrix, labels: npt.NDArray[np.int64], neighbours: int = 10
) -> float | None:
    """Share of labelled codes [N, D] whose nearest others name their class; None without labels.

    A neighbour's vote weighs the inverse of its distance (Dudani 1976).
    """
    known = labels != UNLABELLED
    if known.sum() <= neighbours:
        return None
    classes, own = np.unique(labels[known], return_inverse=True)
    # asked about nothing, scikit-learn gives each point's neighbours without the point itself
    distances, near = NearestNeighbors(n_neighbors=neighbours).fit(codes[known]).kneighbors()
    votes = np.zeros((len(own), len(classes)))
    rows = np.arange(len(own))[:, None]
    np.add.at(votes, (rows, own[near]), 1 / (distances + 1e-9))  # equal images are at 0
    return float((votes.argmax(axis=1) == own).mean())


def _pca(codes: npt.NDArray[np.float32], seed: int) -> Any:
    """The two directions of the largest variance; a code of one number gets a flat second."""
    found = PCA(min(2, *codes.shape), random_state=seed).fit_transform(codes)
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def _tsne(codes: npt.NDArray[np.float32], seed: int) -> Any:
    """van der Maaten and Hinton (2008), from a PCA, which keeps the large picture steady."""
    if min(codes.shape) > FIRST_PCA:
        codes = PCA(FIRST_PCA, random_state=seed).fit_transform(codes)
    start = _pca(codes, seed)
    start = (start / max(float(start[:, 0].std()), 1e-12) * 1e-4).astype(np.float32)
    perplexity = min(30.0, (len(codes) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(codes)


def _umap(codes: npt.NDArray[np.float32], seed: int) -> Any:
    """McInnes, Healy and Melville (2018), by their package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Tensorflow is missing, and the like
        try:
            from umap import UMAP
        except ImportError as error:
            raise UsageError(
                "Expected the package umap-learn for a map by umap; it is not installed.",
                hint="Install it with: pip install 'latens[umap]'",
                code="missing-extra",
            ) from error
        near = min(15, len(codes) - 1)
        return UMAP(n_neighbors=near, random_state=seed, n_jobs=1).fit_transform(codes)


METHODS: dict[str, Callable[[npt.NDArray[np.float32], int], Any]] = {
    "pca": _pca,
    "t-sne": _tsne,
    "umap": _umap,
}


@torch.no_grad()
def _codes(
    model: Model,
    images: ImageSet,
    index: npt.NDArray[np.int64],
    device: torch.device,
    stage: str | None,
) -> npt.NDArray[np.float32]:
    """Codes as rows, float32 [N, D]."""
    model.eval()
    rows = []
    for batch in Batches(images, index, BATCH, device).in_order():
        rows.append(_code(model, batch, stage).float().flatten(1).cpu().numpy())
    return np.concatenate(rows)


def _code(model: Model, batch: Batch, stage: str | None) -> Tensor:
    """Features after a stage; without one the code, of which a VAE's is a mean."""
    if stage is None and isinstance(model.decoder, Variational):
        labels = batch.labels if model.decoder.classes else None
        return codes(model, batch.images, labels)
    return model.features(batch.images, stage)


def _about(
    method: str, codes: Matrix, points: Matrix, labels: npt.NDArray[np.int64], neighbours: int
) -> dict[str, Any]:
    near = min(neighbours, (len(codes) - 1) // 2)
    return {
        "method": method,
        "knn": knn_accuracy(points, labels, neighbours),
        "trustworthiness": float(trustworthiness(codes, points, n_neighbors=near)),
    }


def _spread(points: Matrix) -> npt.NDArray[np.int64]:
    """Images that lie in different cells of a grid over the map: the first of each cell."""
    low, high = points.min(axis=0), points.max(axis=0)
    cells = ((points - low) / np.maximum(high - low, 1e-12) * (CELLS - 1e-6)).astype(int)
    return np.asarray(np.unique(cells[:, 0] * CELLS + cells[:, 1], return_index=True)[1])


def _sample(index: npt.NDArray[np.int64], count: int, seed: int) -> npt.NDArray[np.int64]:
    """At most `count` of the index, drawn by the seed, sorted."""
    rng = np.random.default_rng((seed, len(index)))
    return np.sort(rng.permutation(index)[:count])


def _check(methods: Sequence[str], count: int, neighbours: int) -> None:
    for method in methods:
        if method not in METHODS:
            raise unknown_name("map", method, METHODS)
    if count < neighbours + 2:
        raise DataError(
            f"Expected at least {neighbours + 2} images for a map with {neighbours} neighbours; "
            f"got {count}.",
            hint="Look at another part (--part test), or train with a larger --val-fraction.",
            code="too-few-images",
        )
