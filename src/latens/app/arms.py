"""The arms of a comparison: training and testing each, and what their numbers come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from latens import stats, transfer
from latens.app import options, parts
from latens.app.telling import Tell, mute
from latens.data.image_set import ImageSet
from latens.progress import Progress
from latens.runs.folder import RunFolder
from latens.spec import Mode
from latens.train.records import Observer

Budget = int | str
ALL = "all"


@dataclass(frozen=True)
class Arm:
    """One mode at one label budget, over the seeds: right or wrong for each test image."""

    mode: Mode
    labels: Budget
    correct: npt.NDArray[np.bool_]  # [seeds, test images]
    seconds: list[float]

    @property
    def accuracies(self) -> list[float]:
        return [float(row.mean()) for row in self.correct]


def train(
    folder: RunFolder,
    images: ImageSet,
    labels: Sequence[Budget],
    modes: Sequence[Mode],
    seeds: Sequence[int],
    values: tuple[dict[str, Any], dict[str, Any]],
    observers: Sequence[Observer],
    progress: Progress,
    tell: Tell = mute,
) -> list[Arm]:
    """Train and test what is not there yet, seed by seed; the arms in the order asked.

    `tell` hears of the first autoencoder alone: the others are of the same build.
    """
    total, done = len(seeds) * (1 + len(labels) * len(modes)), 0
    outcomes: dict[tuple[Mode, Budget], list[tuple[npt.NDArray[np.bool_], float]]] = {}
    for seed in seeds:
        progress("trainings", done, total)
        hears = tell if seed == seeds[0] else mute
        encoder = _pretrained(images, folder, seed, values[0], observers, hears)
        done += 1
        for budget in labels:
            for mode in modes:
                progress("trainings", done, total)
                path = folder.path / "runs" / f"{mode}-{budget}-seed{seed}"
                outcome = _classified(
                    images, path, encoder, mode, budget, seed, values[1], observers
                )
                outcomes.setdefault((mode, budget), []).append(outcome)
                done += 1
    progress("trainings", total, total)
    return [
        Arm(mode, budget, np.stack([c for c, _ in found]), [s for _, s in found])
        for (mode, budget), found in outcomes.items()
    ]


def _pretrained(
    images: ImageSet,
    folder: RunFolder,
    seed: int,
    values: options.Overrides,
    observers: Sequence[Observer],
    tell: Tell,
) -> Path:
    path = folder.path / "runs" / f"autoencoder-seed{seed}"
    asked = {**values, "seed": seed}
    parts.train("pretrain", path, images, asked, observers=observers, tell=tell)
    return path


def _classified(
    images: ImageSet,
    path: Path,
    encoder: Path,
    mode: Mode,
    budget: Budget,
    seed: int,
    values: options.Overrides,
    observers: Sequence[Observer],
) -> tuple[npt.NDArray[np.bool_], float]:
    """Train and test one classifier; whether each test image is right, and the seconds."""
    count = None if budget == ALL else int(budget)
    asked = {**values, "seed": seed, "encoder": encoder, "mode": mode, "labels": count}
    parts.train("classify", path, images, asked, observers=observers)
    run = RunFolder.open(path)
    return parts.right(run, lambda: images), parts.train_seconds(run)


def described(arm: Arm) -> dict[str, Any]:
    interval = stats.crossed_interval(arm.correct)
    return {
        "mode": arm.mode,
        "labels": arm.labels,
        "pretraining": arm.mode in transfer.PRETRAINED,
        "accuracies": arm.accuracies,
        "mean": interval.mean,
        "low": max(0.0, interval.low),
        "high": min(1.0, interval.high),
        "train_seconds": arm.seconds,
    }


def comparisons(arms: list[Arm]) -> list[dict[str, Any]]:
    """Each pretrained arm against scratch at the same labels, corrected over all of them."""
    control = {arm.labels: arm for arm in arms if arm.mode == "scratch"}
    pretrained = [arm for arm in arms if arm.mode != "scratch"]
    found = [
        stats.within_possible(stats.crossed_paired_difference(a.correct, control[a.labels].correct))
        for a in pretrained
    ]
    corrected = [float(p) for p in stats.holm([d.p for d in found])]
    return [
        {
            "labels": arm.labels,
            "mode": arm.mode,
            "control": "scratch",
            "difference": d.difference,
            "low": d.low,
            "high": d.high,
            "p": d.p,
            "p_corrected": p,
            "verdict": stats.verdict(d.difference, d.low, d.high, p, seeds=len(arm.correct)),
            "sentence": stats.sentence(
                arm.mode, arm.labels, d.difference, d.low, d.high, p, seeds=len(arm.correct)
            ),
        }
        for arm, d, p in zip(pretrained, found, corrected, strict=True)
    ]
