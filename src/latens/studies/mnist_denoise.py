"""How well does a denoiser clean digits, and does it help to classify them?

Report 3 trained a dense denoiser (128-96-128) on salt and pepper of 0.4, showed a grid of
originals, noisy and denoised digits for noise from 0 to 1, and drew accuracy against noise (its
figure 4) for a classifier trained on noisy images and one trained on denoised ones. Here are both
with their controls, four arms in all: trained on clean images; the same behind the denoiser;
trained on denoised images; trained on noisy images.

    latens study run mnist-denoise --scale quick

Quick: about 18 minutes on 2 cores, 2 seeds. Expected: a denoiser that saw all levels of noise has
a PSNR above 20 dB at 0.4, where a median filter has about 14; a classifier behind the denoiser
beats one that was trained on noisy images for as many epochs, as the report found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from latens.studies._study import (
    Arm,
    Bench,
    Chosen,
    Contrast,
    Plan,
    Reported,
    Result,
    Scale,
    Study,
    by_scale,
)

LEVELS = tuple(round(0.1 * tenth, 1) for tenth in range(11))
DRAWN = "salt-pepper=0..0.9"
CLEAN, RETRAINED, NOISY = "trained on clean", "trained on denoised", "trained on noisy"
DENOISER, DENSE = "denoiser", "report 3's denoiser"
BEHIND = "trained on clean, behind the denoiser"
AT = (0.2, 0.4, 0.6, 0.8)  # levels at which arms are told apart


def _plan(scale: Scale, _: Chosen) -> Plan:
    own = {"objective": "denoise", "noise": DRAWN, "latent": 0, "epochs": by_scale(scale, 2, 4, 20)}
    dense: dict[str, Any] = {
        "objective": "denoise", "noise": "salt-pepper=0.4", "loss": "bce",
        "epochs": by_scale(scale, 2, 10, 32), "batch_size": 64, "learning_rate": 1e-3,
        "schedule": "constant",
        "overrides": {"encoder": {"kind": "mlp", "hidden": [128, 96], "latent": None}},
    }  # fmt: skip
    classify: dict[str, Any] = {"mode": "scratch", "epochs": by_scale(scale, 2, 3, 12)}
    noisy = {**classify, "noise": DRAWN}
    arms = [
        Arm(DENOISER, "pretrain", own, group="denoisers"),
        Arm(DENSE, "pretrain", dense, group="denoisers"),
        Arm(CLEAN, "classify", classify, group="classifiers, on clean test images"),
        Arm(RETRAINED, "classify", classify, through=DENOISER,
            group="classifiers, on denoised test images"),
        Arm(NOISY, "classify", noisy, group="classifiers, on clean test images"),
    ]  # fmt: skip
    return Plan(arms, (Contrast(NOISY, CLEAN),))


def _measure(bench: Bench) -> Mapping[str, Result]:
    """Curves over all seeds, differences at some levels, and the denoisers' grid."""
    from latens.evaluation.denoising import denoising

    curves = [_curves(bench, seed) for seed in bench.seeds]
    one = bench.opened(DENOISER, bench.seeds[0])
    dense = bench.opened(DENSE, bench.seeds[0])
    grid = denoising(
        {DENOISER: one.model, DENSE: dense.model}, one.images, one.split.test, one.device,
        levels=LEVELS, border="black", progress=bench.progress,
    )  # fmt: skip
    values, arrays = curves[0]
    found: dict[str, Result] = {
        "noise": (values, arrays), "denoising": grid, "how-clean": _quality(grid[0]),
    }  # fmt: skip
    if len(curves) > 1:
        found["noise-differences"] = _differences([right["correct"] for _, right in curves])
    return found


def _quality(values: Mapping[str, Any]) -> Result:
    """PSNR of each way to clean, the denoisers with the first seed, at each level of noise."""
    rows = [
        {"level": level, **{f"{m['name']}, dB": round(m["psnr"][i], 1) for m in values["methods"]}}
        for i, level in enumerate(values["levels"])
        if level > 0
    ]
    return {"rows": rows}, {}


def _curves(bench: Bench, seed: int) -> Result:
    from latens.evaluation.noise import Way, noise

    denoiser = bench.opened(DENOISER, seed)
    models = {name: bench.opened(name, seed).model for name in (CLEAN, RETRAINED, NOISY)}
    ways = [
        Way(CLEAN, models[CLEAN]),
        Way(BEHIND, models[CLEAN], denoiser.model),
        Way(RETRAINED, models[RETRAINED], denoiser.model),
        Way(NOISY, models[NOISY]),
    ]
    return noise(
        ways, denoiser.images, denoiser.split.test, denoiser.device, levels=LEVELS, seed=seed,
        progress=bench.progress,
    )  # fmt: skip


def _differences(correct: list[np.ndarray[Any, Any]]) -> Result:
    """Each pair of neighbouring arms at each level, paired over seeds and test images (Holm)."""
    from latens import stats

    right_SWLN = np.stack(correct)
    names = (CLEAN, BEHIND, RETRAINED, NOISY)
    asked = [(level, w) for level in AT for w in range(1, len(names))]
    found = [
        stats.within_possible(
            stats.crossed_paired_difference(
                right_SWLN[:, w, LEVELS.index(level)], right_SWLN[:, w - 1, LEVELS.index(level)]
            )
        )
        for level, w in asked
    ]
    corrected = stats.holm([d.p for d in found])
    rows = [
        {
            "level": level, "arm": names[w], "control": names[w - 1], "difference": d.difference,
            "low": d.low, "high": d.high, "p_corrected": float(p),
            "verdict": stats.verdict(d.difference, d.low, d.high, float(p)),
        }
        for (level, w), d, p in zip(asked, found, corrected, strict=True)
    ]  # fmt: skip
    return {"rows": rows}, {}


STUDY = Study(
    question="How well does a denoiser clean digits, and does denoising help to classify them?",
    source="report 3, part 4",
    data="mnist",
    metric="accuracy",
    plan=_plan,
    measure=_measure,
    seeds={"smoke": 2, "quick": 2, "full": 5},
    reported=(
        Reported("report 3: denoising 'performs quite well up until 0.7'", "figure 3"),
        Reported("report 3: denoising first beats training on noisy images", "figure 4"),
    ),
    remarks=(
        "The report compares a classifier trained on noisy images with one trained on denoised "
        "ones, one training each; here both see all levels of noise in training, and intervals "
        "cover seeds and test images.",
        "The arms behind the denoiser have its training on top of the classifier's own. They are "
        "not of equal cost: a longer training on noisy images may close some of the gap.",
        "The validation accuracy of the arm trained on noisy images is on noisy ones.",
        "The report validated its denoiser on the test images.",
    ),
    minutes=18,
)
