"""Results of the evaluations that draw more than one picture: usual, minimal and odd ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Example = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]
LEVELS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
ODD = "猫 $x$ \n" + "long " * 20


def pixels(*shape: int) -> npt.NDArray[np.uint8]:
    """Pictures of a fixed seed, uint8."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def noise(*names: str, **more: Any) -> Example:
    ways = []
    for number, name in enumerate(names):
        middle = [0.98 - level**2 * (0.8 - 0.1 * number) for level in LEVELS]
        low, high = [m - 0.02 for m in middle], [m + 0.02 for m in middle]
        ways.append({"name": name, "accuracies": middle, "low": low, "high": high})
    return {"levels": LEVELS, "corruption": "salt_pepper", "ways": ways, **more}, {}


def denoising(levels: int, images: int, *picture: int) -> Example:
    strengths = np.linspace(0, 1, levels).round(2).tolist()
    names = ("ours", ODD, "median 3×3", "median 5×5", "left as it is")
    methods = [
        {
            "name": name,
            "psnr": [100.0 if not s and n == 4 else 25 - 10 * s - n for s in strengths],
            "ssim": [1 - 0.8 * s for s in strengths],
        }
        for n, name in enumerate(names)
    ]
    stack = pixels(levels, images, *picture)
    arrays = {"originals": stack[0], "noisy": stack, "denoised": stack // 2}
    return {"levels": strengths, "corruption": "gaussian", "methods": methods}, arrays


def maps(count: int, classes: int, *picture: int, methods: tuple[str, ...] = ("t-sne",)) -> Example:
    random = np.random.default_rng(0)
    labels = np.arange(count) % classes if classes else np.full(count, -1)
    knn = 0.9 if classes else None
    about = [{"method": method, "knn": knn, "trustworthiness": 0.9} for method in methods]
    result: dict[str, Any] = {"images": count, "knn": knn, "knn_pixels": knn, "neighbours": 5}
    result |= {"maps": about, "classes": [ODD, *(f"c{i}" for i in range(1, classes))]}
    arrays: dict[str, npt.NDArray[Any]] = {"labels": labels}
    for number in range(len(methods)):
        centres = np.stack([np.cos(labels), np.sin(labels)], axis=1)
        arrays[f"map_{number}"] = (centres + random.normal(0, 0.2, (count, 2))).astype(np.float32)
    shown = np.arange(0, count, 3)
    return result, arrays | {"thumbnail_index": shown, "thumbnails": pixels(len(shown), *picture)}


def anomaly(count: int, *picture: int, threshold: float = 0.02) -> Example:
    random = np.random.default_rng(0)
    odd = np.arange(count) % 5 == 0
    errors = np.exp(random.normal(-4, 0.5, count) + odd)
    result = {"auroc": 0.91, "threshold": threshold, "hit_rate": 0.6, "false_alarm_rate": 0.05}
    arrays: dict[str, npt.NDArray[Any]] = {"errors": errors, "anomalous": odd}
    for kind in ("most", "least"):
        few = min(count, 10)
        arrays |= {f"{kind}_images": pixels(few, *picture), f"{kind}_errors": errors[:few]}
        arrays[f"{kind}_anomalous"] = odd[:few]
    return result, arrays


def samples(count: int, *picture: int, classes: int = 0) -> Example:
    arrays: dict[str, npt.NDArray[Any]] = {"pictures": pixels(count, *picture)}
    if classes:
        arrays["pictures_asked"] = np.sort(np.arange(count) % classes)
        arrays["pictures_said"] = np.arange(count) % classes
    near = min(count, 10)
    arrays |= {"near_samples": pixels(near, *picture), "near_images": pixels(near, *picture)}
    arrays["near_distances"] = np.linspace(0.05, 0.1, near)
    result: dict[str, Any] = {"classes": [ODD, *(f"c{i}" for i in range(1, classes))]}
    result |= {"frechet": 71.0}
    result |= {"precision": 0.6, "density": 1.3, "recall": 0.4, "coverage": None}
    result |= {"precision_of_real": 0.9, "recall_of_real": 0.9, "classifier_sha256": "5c9b" * 16}
    return result, arrays


def latent(pairs: int, steps: int, variables: int, *picture: int) -> Example:
    result = {"activity": [0.9, 0.5, 0.001], "order": list(range(variables)), "stops": [-3, 0, 3]}
    arrays = {"interpolations": pixels(pairs, steps, *picture), "starts": pixels(pairs, *picture)}
    arrays |= {"ends": pixels(pairs, *picture), "traversals": pixels(variables, 3, *picture)}
    return result, arrays


def recall(arms: int, seeds: int, *classes: str, **more: Any) -> Example:
    random = np.random.default_rng(0)
    rows = [
        {"arm": f"arm {arm}", "seed": seed}
        | {name: float(random.uniform(0.6, 0.9)) for name in classes}
        for arm in range(arms)
        for seed in range(seeds)
    ]
    return {"rows": rows, **more}, {}


EVALUATIONS: dict[str, dict[str, Example]] = {
    "noise": {
        "four ways": noise("clean", "denoised", "retrained", "noisy", classes=10),
        "odd name": noise(ODD),
        "many ways": noise(*(f"way {i}" for i in range(9))),
        "no levels": ({"levels": [], "ways": []}, {}),
    },
    "denoising": {
        "grey": denoising(6, 3, 1, 28, 28),
        "colour, many levels": denoising(14, 7, 3, 32, 32),
        "one level": denoising(1, 1, 1, 8, 8),
        "photographs": denoising(3, 2, 3, 200, 100),
        "numbers only": (denoising(3, 1, 1, 8, 8)[0], {}),
    },
    "maps": {
        "all kinds": maps(300, 10, 1, 8, 8, methods=("pca", "t-sne", "umap")),
        "colour": maps(60, 3, 3, 32, 16),
        "many classes": maps(100, 30, 4, 8, 8),
        "no labels": maps(50, 0, 1, 8, 8),
        "of the future": maps(20, 2, 1, 8, 8, methods=("other",)),
    },
    "anomaly": {
        "grey": anomaly(400, 1, 28, 28),
        "few, colour": anomaly(6, 3, 32, 32, threshold=0.2),
        "numbers only": ({"auroc": 0.9}, {}),
        "exact": ({}, {"errors": np.zeros(3), "anomalous": np.array([True, False, False])}),
    },
    "samples": {
        "by class": samples(40, 1, 28, 28, classes=4),
        "of no class": samples(130, 3, 32, 32),
        "one": samples(1, 2, 8, 64),
        "numbers only": ({"frechet": 1.0, "recall": 0.5}, {}),
    },
    "recall": {
        "halved": recall(4, 3, *"abcdefghij", halved=["c", "e"]),
        "one arm": recall(1, 1, ODD),
        "many arms": recall(12, 2, "a", "b"),
        "without numbers": ({"rows": [{"arm": "a", "seed": 0, "x": None}]}, {}),
        "no classes": ({"rows": [{"arm": "a", "seed": 0}], "halved": ["x"]}, {}),
    },
    "latent": {
        "grey": latent(3, 5, 4, 1, 28, 28),
        "colour": latent(1, 2, 1, 3, 64, 32),
        "numbers only": ({"activity": [0.0]}, {}),
    },
}
