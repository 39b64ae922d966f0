"""Results as the rest of the house makes them: usual, minimal and odd ones, small and quick."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from evaluation_examples import EVALUATIONS, ODD
from sklearn.metrics import classification_report, confusion_matrix

Arrays = dict[str, npt.NDArray[Any]]
Example = tuple[dict[str, Any], Arrays]
NAN = float("nan")
EVIL = "<script>alert('x')</script>"
CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def images(count: int, channels: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Soft stripes, another pattern for each image and channel."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [
        [
            np.sin(x / width * 6 * (1 + c) + i) * np.cos(y / height * 5 + i * c)
            for c in range(channels)
        ]
        for i in range(count)
    ]
    return (127 + 120 * np.asarray(waves)).astype(np.uint8)


def records(phase: str, epochs: int, *keys: str, until: int | None = None) -> list[dict[str, Any]]:
    """Metrics that fall (accuracy: rise) epoch by epoch; `until` leaves the phase unfinished."""

    def values(epoch: int, scale: float) -> dict[str, float]:
        return {
            k: 1 - 0.4 * scale / epoch if k == "accuracy" else scale * 0.06 / epoch for k in keys
        }

    return [
        {
            "phase": phase,
            "epoch": epoch,
            "epochs": epochs,
            "step": epoch * 100,
            "seconds": 3.1,
            "images_per_second": 2100.0,
            "learning_rate": 0.003,
            "train": values(epoch, 1.0),
            "val": values(epoch, 1.1),
        }
        for epoch in range(1, (until or epochs) + 1)
    ]


def reconstruction(count: int, channels: int, height: int, width: int) -> Example:
    originals = images(count, channels, height, width)
    rebuilt = (originals // 32 * 32).astype(np.uint8)
    result = {"images": 5000, "mse": 0.00077, "psnr": 31.1, "ssim": 0.981, "code": 32}
    result |= {"pixels": channels * height * width, "pca_mse": 0.0123, "part": "validation"}
    return result, {"originals": originals, "reconstructions": rebuilt}


def denoiser(count: int, *picture: int) -> Example:
    result, arrays = reconstruction(count, *picture)
    spoilt = np.where(arrays["originals"] % 3, arrays["originals"], 0).astype(np.uint8)
    result |= {"noisy_mse": 0.01, "noisy_psnr": 21.0, "input_psnr": 7.2}
    return result, arrays | {"corrupted": spoilt, "denoised": arrays["reconstructions"] // 2}


def classification(
    names: list[str], count: int = 400, picture: tuple[int, int, int] = (1, 8, 8), sure: float = 4.0
) -> Example:
    """A classifier whose errors come from noise of a fixed seed."""
    random = np.random.default_rng(0)
    labels = random.integers(0, len(names), count)
    scores = random.normal(size=(count, len(names)))
    scores[np.arange(count), labels] += sure
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    said = chances.argmax(axis=1)
    wrong, correct = np.flatnonzero(said != labels)[:25], np.flatnonzero(said == labels)[:25]
    arrays: Arrays = {"labels": labels, "probabilities": chances.astype(np.float32)}
    for kind, index in (("wrong", wrong), ("correct", correct)):
        arrays |= {f"{kind}_index": index, f"{kind}_images": images(len(index), *picture)}
    return _numbers(names, labels, chances), arrays


def _numbers(names: list[str], labels: Any, chances: Any) -> dict[str, Any]:
    said, every = chances.argmax(axis=1), list(range(len(names)))
    report = classification_report(
        labels, said, labels=every, target_names=names, output_dict=True, zero_division=0
    )
    return {
        "images": len(labels),
        "accuracy": float((said == labels).mean()),
        "loss": 0.21,
        "nll": 0.2,
        "ece": 0.031,
        "brier": 0.05,
        "report": report,
        "confusion": confusion_matrix(labels, said, labels=every).tolist(),
        "classes": names,
        "calibration": _bins(chances.max(axis=1), said == labels),
    }


def _bins(sure: Any, right: Any) -> list[dict[str, Any]]:
    table = []
    for low in np.arange(10) / 10:
        inside = (sure > low) & (sure <= low + 0.1)
        row = {"low": float(low), "high": float(low + 0.1), "count": int(inside.sum())}
        means = (float(sure[inside].mean()), float(right[inside].mean())) if inside.any() else None
        table.append(
            row | dict(zip(("confidence", "accuracy"), means or (None, None), strict=True))
        )
    return table


def comparison(
    budgets: list[Any],
    modes: list[str],
    seeds: int = 5,
    gains: tuple[float, ...] = (0.03, 0.0, -0.04),
) -> Example:
    """Arms from scratch and pretrained; the budgets take their gain from `gains` in turn."""
    random = np.random.default_rng(0)
    arms: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for place, budget in enumerate(budgets):
        gain = gains[place % len(gains)]
        for mode in modes:
            middle = 0.85 + 0.04 * place + (0.0 if mode == "scratch" else gain)
            arms.append(_arm(mode, budget, middle + random.normal(0, 0.006, seeds)))
            if mode != "scratch":
                rows.append(_row(mode, budget, gain))
    result = {"data": "digits", "seeds": list(range(seeds)), "budgets": budgets, "findings": []}
    return result | {"arms": arms, "comparisons": rows}, {}


def _arm(mode: str, budget: Any, accuracies: npt.NDArray[np.float64]) -> dict[str, Any]:
    mean = float(accuracies.mean())
    return {
        "mode": mode,
        "labels": budget,
        "pretraining": mode != "scratch",
        "accuracies": accuracies.tolist(),
        "mean": mean,
        "low": mean - 0.008 if len(accuracies) > 1 else None,
        "high": mean + 0.008 if len(accuracies) > 1 else None,
        "train_seconds": [1.2] * len(accuracies),
    }


def _row(mode: str, budget: Any, gain: float) -> dict[str, Any]:
    verdict = "gain" if gain > 0 else "loss" if gain < 0 else "no benefit"
    row = {"labels": budget, "mode": mode, "control": "scratch", "verdict": verdict}
    low, high = gain - 0.011, gain + 0.011
    return row | {"difference": gain, "low": low, "high": high, "p": 0.002, "p_corrected": 0.004}


def study(*arms: dict[str, Any], metric: str = "accuracy", contrasts: int = 1) -> Example:
    """A study of these arms, the first ones told apart from the last."""
    differences = [
        {
            "arm": arm["name"],
            "control": arms[-1]["name"],
            "difference": 0.01,
            "low": -0.001,
            "high": 0.02,
            "p": 0.04,
            "p_corrected": 0.08,
            "verdict": ("no benefit", "gain", "loss")[place % 3],
            "seeds_needed": 7 if place % 3 == 0 else None,
            "unit": arm["unit"],
            "sentence": f"{arm['name']} against {arms[-1]['name']}: +1.00 points",
        }
        for place, arm in enumerate(arms[:contrasts])
    ]
    result = {
        "name": "mnist-example",
        "scale": "smoke",
        "question": f"Is it so, {EVIL}?",
        "source": "report 6",
        "about": "Why it is asked.",
        "data": "digits",
        "metric": metric,
        "seeds": [0, 1],
        "arms": list(arms),
        "chosen": arms[0]["name"],
        "contrasts": differences,
        "reported": [
            {"what": "its figure 1", "value": "98.0%", "ours": arms[0]["name"]},
            {"what": "its figure 2", "value": "none", "ours": None},
        ],
        "remarks": ["It was validated on the test images."],
        "command": "latens study run mnist-example --scale smoke --seeds 2",
        "hardware": "2 cores",
        "versions": "latens 0.1.0",
        "date": "2026-11-21",
    }
    return result, {}


def study_arm(name: str, mean: float, group: str = "", seeds: int = 2) -> dict[str, Any]:
    """An arm of a study; means above a half are accuracies, those below are errors."""
    spread = mean / 20
    return {
        "name": name,
        "group": group,
        "task": "classify" if mean > 0.5 else "pretrain",
        "unit": "nats" if mean > 1 else "accuracy" if mean > 0.5 else "mse",
        "val": [mean] * seeds,
        "val_mean": mean,
        "val_score": mean if mean > 0.5 else -mean,
        "test": [mean + spread * (place / seeds - 0.5) for place in range(seeds)],
        "mean": mean,
        "low": mean - spread if seeds > 1 else None,
        "high": mean + spread if seeds > 1 else None,
        "seconds": 12.3,
        "epochs": 3,
        "parameters": 178358,
        "code": 0,
    }


FINDINGS = {
    "findings": [
        {"code": "wide-code", "severity": "warning", "message": f"The code is wide, says {EVIL}."},
        {"code": "note", "severity": "info", "message": "Nothing to worry about."},
        {"code": "test-in-training", "severity": "error", "message": "3 test images were seen."},
    ]
}

TWO_PHASE = [*records("head", 5, "loss", "accuracy"), *records("all", 10, "loss", "accuracy")]

# every plot with usual, minimal and odd input
EXAMPLES: dict[str, dict[str, Example]] = {
    **EVALUATIONS,
    "training": {
        "autoencoder": ({"records": records("autoencoder", 20, "mse")}, {}),
        "two phases": ({"records": TWO_PHASE}, {}),
        "one epoch": ({"records": records("autoencoder", 20, "mse", until=1)}, {}),
        "three losses": ({"records": records("joint", 3, "loss", "mse", "kl_$")}, {}),
        "not finite": ({"records": [{"train": {"mse": NAN}, "val": {"mse": None}}] * 3}, {}),
        "no validation": ({"records": [{"phase": "all", "epoch": 1, "train": {"loss": 0.0}}]}, {}),
        "no records": ({"records": []}, {}),
    },
    "reconstruction": {
        "grey": reconstruction(20, 1, 28, 28),
        "denoiser": denoiser(20, 1, 28, 28),
        "denoiser of photographs": denoiser(2, 3, 100, 60),
        "colour": reconstruction(7, 3, 32, 32),
        "grey and alpha": reconstruction(3, 2, 16, 16),
        "colour and alpha": reconstruction(3, 4, 16, 16),
        "photographs": reconstruction(2, 3, 224, 224),
        "one flat": reconstruction(1, 3, 8, 64),
        "tall": reconstruction(3, 1, 128, 16),
        "no arrays": ({"images": 10, "mse": NAN}, {}),
        "no images": (
            {},
            {"originals": images(1, 1, 8, 8)[:0], "reconstructions": images(1, 1, 8, 8)},
        ),
    },
    "study": {
        "accuracies in groups": study(
            study_arm("one", 0.97, "first"),
            study_arm("two", 0.96, "second"),
            study_arm(ODD, 0.95, "first"),
            study_arm("a denoiser", 0.02, "denoisers"),
            contrasts=3,
        ),
        "errors far apart": study(
            study_arm("small", 0.0003), study_arm("large", 0.03), metric="mse", contrasts=0
        ),
        "errors near each other": study(
            study_arm("a", 0.02, seeds=1), study_arm("b", 0.021, seeds=1), metric="mse", contrasts=0
        ),
        "bounds": study(study_arm("a", 94.0), study_arm("b", 99.0), metric="mse", contrasts=0),
        "errors beside accuracies": study(
            study_arm("classifier", 0.9), study_arm("autoencoder", 0.004), contrasts=2
        ),
        "one arm": study(study_arm("alone", 0.9, seeds=1), contrasts=0),
        "no arms": ({"arms": [], "contrasts": []}, {}),
    },
    "classification": {
        "ten classes": classification(CIFAR),
        "two classes": classification(
            [EVIL, "猫 $x$ \n" + "long " * 30], sure=1.0, picture=(3, 20, 30)
        ),
        "a hundred classes": classification([f"n0{i:04d}_class" for i in range(100)], 600),
        "perfect": classification(["a", "b"], sure=99.0),
        "colour and alpha": classification(["a", "b", "a_b"], sure=1.0, picture=(4, 32, 8)),
        "numbers only": ({**classification(CIFAR)[0]}, {}),
        "bare": ({"images": 10, "accuracy": 0.5, "classes": ["a", "b"]}, {}),
    },
    "comparison": {
        "usual": comparison([50, 500, "all"], ["scratch", "frozen", "two-phase"]),
        "one seed": comparison([50], ["scratch", "frozen"], seeds=1),
        "unknown mode": comparison([1, "all"], ["scratch", "$mode"]),
        "scratch alone": comparison([50], ["scratch"]),
        "identical": comparison([50], ["scratch", "frozen"], gains=(0.0,)),
        "empty": ({"arms": [], "comparisons": []}, {}),
    },
}
