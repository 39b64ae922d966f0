"""What a study found, in numbers: its arms, and their differences with intervals and verdicts."""

from __future__ import annotations

import inspect
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latens import catalog, stats
from latens.app.study_arms import Outcome, Trainings
from latens.errors import plural
from latens.studies._study import Arm, Contrast, Plan, Study

Outcomes = dict[str, list[Outcome]]
"""By the names of the arms; one of each seed."""


def answer(
    name: str, study: Study, work: Trainings, plan: Plan, outcomes: Outcomes, typed: str
) -> dict[str, Any]:
    """The result "study": every arm with its scores, every contrast with its verdict, and the
    command that was `typed` for it."""
    arms = [_described(arm, outcomes[arm.name]) for arm in plan.arms]
    task = "classify" if study.metric == "accuracy" else "pretrain"
    answering = [arm for arm in arms if arm["task"] == task]
    return {
        "name": name,
        "scale": work.scale,
        "question": study.question,
        "source": study.source,
        "about": inspect.cleandoc(catalog.load("studies", name).__doc__ or ""),
        "data": work.data,
        "metric": study.metric,
        "seeds": list(work.seeds),
        "arms": arms,
        "chosen": max(answering, key=lambda arm: arm["val_score"])["name"],
        "contrasts": _contrasts(plan.contrasts, outcomes),
        "reported": [asdict(number) for number in study.reported],
        "remarks": [*study.remarks, *less_precise(plan, outcomes)],
        "command": typed,
        **hardware(),
    }


def less_precise(plan: Plan, outcomes: Outcomes) -> list[str]:
    """A remark on arms that were not trained in float32, as others may have been."""
    found = {arm.name: {o.precision for o in outcomes[arm.name]} - {"float32"} for arm in plan.arms}
    kinds = sorted({kind for precisions in found.values() for kind in precisions})
    every = {kind: [name for name in found if kind in found[name]] for kind in kinds}
    return [
        f"Trained in {kind} (`--precision`): "
        f"{'all arms' if len(names) == len(found) else ', '.join(names)}."
        for kind, names in every.items()
    ]


def _described(arm: Arm, found: list[Outcome]) -> dict[str, Any]:
    tests = [o.test for o in found]
    interval = _interval(found) if len(tests) > 1 else None
    vals = [o.val if o.val_error is None else o.val_error for o in found]
    return {
        "name": arm.name,
        "group": arm.group,
        "task": arm.task,
        "val": vals,
        "val_mean": float(np.mean(vals)),
        "val_score": float(np.mean([o.val for o in found])),
        "test": tests,
        "mean": float(np.mean(tests)),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "seconds": float(np.median([o.seconds for o in found])),
        "epochs": found[0].epochs,
        "parameters": found[0].parameters,
        "code": found[0].code,
        "unit": found[0].unit,
    }


def _interval(found: list[Outcome]) -> stats.Interval:
    """Of the mean on test: for new seeds, and new images too where it is known which were right."""
    right = [o.correct for o in found if o.correct is not None]
    if len(right) == len(found):
        crossed = stats.crossed_interval(np.stack(right))
        return replace(crossed, low=max(0.0, crossed.low), high=min(1.0, crossed.high))
    return stats.mean_interval([o.test for o in found])


def _contrasts(asked: Sequence[Contrast], outcomes: Outcomes) -> list[dict[str, Any]]:
    """Every contrast with its interval, p-values corrected over all of them (Holm)."""
    asked = [c for c in asked if min(len(outcomes[c.arm]), len(outcomes[c.control])) > 1]
    if not asked:
        return []
    found = [_difference(outcomes[c.arm], outcomes[c.control]) for c in asked]
    corrected = stats.holm([d.p for d, _ in found])
    return [
        _told(c, d, each, float(p), outcomes[c.arm][0].unit)
        for c, (d, each), p in zip(asked, found, corrected, strict=True)
    ]


def _difference(arm: list[Outcome], control: list[Outcome]) -> tuple[stats.Difference, list[float]]:
    """Paired over seeds, and over test images where it is known which were right."""
    both = min(len(arm), len(control))
    arm, control = arm[:both], control[:both]
    each = [a.val - c.val if a.correct is None else a.test - c.test
            for a, c in zip(arm, control, strict=True)]  # fmt: skip
    if arm[0].correct is None or control[0].correct is None:
        return stats.paired_difference([a.val for a in arm], [c.val for c in control]), each
    one = np.stack([o.correct for o in arm if o.correct is not None])
    other = np.stack([o.correct for o in control if o.correct is not None])
    return stats.within_possible(stats.crossed_paired_difference(one, other)), each


def _told(
    c: Contrast, d: stats.Difference, each: list[float], p: float, unit: str
) -> dict[str, Any]:
    verdict = stats.verdict(d.difference, d.low, d.high, p, seeds=len(each))
    spread = float(np.std(each, ddof=1))
    needed = stats.seeds_needed(d.difference, spread) if d.difference and spread else None
    return {
        "arm": c.arm,
        "control": c.control,
        "difference": d.difference,
        "low": d.low,
        "high": d.high,
        "p": d.p,
        "p_corrected": p,
        "verdict": verdict,
        "seeds_needed": needed,
        "unit": unit,
        "sentence": _sentence(c, d, p, verdict, unit),
    }


def _sentence(c: Contrast, d: stats.Difference, p: float, verdict: str, unit: str) -> str:
    if unit == "accuracy":
        values = [f"{100 * x:+.2f}" for x in (d.difference, d.low, d.high)]
        told = "points of accuracy"
    else:  # the score is the negative error
        digits = 2 if unit == "nats" else 5
        values = [f"{x:+.{digits}f}" for x in (-d.difference, -d.high, -d.low)]
        told = "nats" if unit == "nats" else "in squared error"
    what = {"gain": "better", "loss": "worse"}.get(verdict, "no difference shown")
    return (
        f"{c.arm} against {c.control}: {values[0]} {told} "
        f"(95 % interval {values[1]} to {values[2]}, corrected p {p:.2g}): {what}"
    )


def hardware() -> dict[str, str]:
    """Where and when: what every figure needs beside it."""
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "hardware": ", ".join(
            [f"{plural(os.cpu_count() or 1, 'core')}", _processor(), *(devices or ["no GPU"])]
        ),
        "versions": f"latens {metadata.version('latens')}, torch {torch.__version__}, "
        f"Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
