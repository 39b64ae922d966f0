"""Studies: run one, report it.

A study's folder holds its trainings as runs of their own, so that one that was stopped goes on
where it was. Arms are chosen on validation; the test part is read once for each training.
"""

from __future__ import annotations

import inspect
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from latens import catalog, stats
from latens.app.opening import task_of
from latens.app.study_arms import SMOKE_DATA, Outcome, Trainings
from latens.app.warm_up import warm_up
from latens.errors import Interrupted, RunError, UsageError, plural, unknown_name
from latens.progress import Progress, silent
from latens.report import markdown
from latens.report.build import build as build_report
from latens.runs.folder import RunFolder
from latens.studies._study import SCALES, Arm, Contrast, Plan, Scale, Study
from latens.train.records import Observer

if TYPE_CHECKING:
    from latens.app.study_queue import StudyQueue

ROOM = "studies"
FOLDER = Path("studies")
Outcomes = dict[str, list[Outcome]]


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes:
        run: the study's folder.
        arms: each with `name`, `group`, `task`, `unit`, `val` and `test` (one a seed), `mean`,
            `low`, `high` (of test, 95 %), `val_mean`, `seconds` (median), `parameters`.
        chosen: the arm with the best validation score.
        contrasts: `arm`, `control`, `difference`, `low`, `high`, `p`, `p_corrected`, `verdict`,
            `sentence`, `seeds_needed`, `unit`.
        page: one self-contained HTML file.
    """

    run: str
    name: str
    scale: str
    question: str
    data: str
    metric: str
    seeds: list[int]
    arms: list[dict[str, Any]]
    chosen: str
    contrasts: list[dict[str, Any]]
    reported: list[dict[str, Any]]
    page: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


def load(name: str) -> Study:
    """The study called `name`. Raises `UsageError` if there is none."""
    study: Study = catalog.load(ROOM, name).STUDY
    return study


def run(
    name: str,
    *,
    scale: Scale = "quick",
    seeds: int | None = None,
    out: str | Path | None = None,
    data: str | None = None,
    options: dict[str, Any] | None = None,
    storage: str | None = None,
    queue: str | None = None,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
) -> StudyResult:
    """Run a study, or go on with it where it stopped.

    Args:
        name: one of those that `latens study list` shows.
        scale: "smoke" (digits, under a minute), "quick" (10 to 20 minutes on 2 cores), "full".
        seeds: how many; by default the study's own number at this scale.
        out: its folder; by default ``studies/NAME-SCALE``.
        data: other images than the study's own.
        options: keyword arguments for every training, such as ``{"threads": 1}``.
        storage: the URL of a database through which `latens worker` on other machines, which
            share the study's folder, takes its part of the trainings.
        queue: the name that those workers are told; by default NAME-SCALE.

    Raises:
        UsageError: no such study or scale. RunError: another study is at `out`.
    """
    study = load(name)
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    count = study.seeds[scale] if seeds is None else seeds
    if count < 1:
        raise UsageError(
            f"Expected at least one seed; got {count}.", hint="Use --seeds 5.", code="too-few-seeds"
        )
    if scale == "smoke" and data:
        raise UsageError(
            f"Expected no other images at the scale smoke, which takes {SMOKE_DATA}; got {data!r}.",
            hint="Use --scale quick with --data, or leave --data out.",
            code="without-effect",
        )
    source = SMOKE_DATA if scale == "smoke" else data or study.data
    folder = _folder(Path(out) if out else FOLDER / f"{name}-{scale}", name, scale, source)
    work = Trainings(folder.path, source, scale, range(count), options or {}, observers, progress)
    with folder.alone():
        shared = _shared(storage, queue or f"{name}-{scale}", name, work)
        try:
            warm_up(options or {})
            plan, outcomes = _rounds(study, work, progress, shared)
            extra = study.measure(work) if study.measure else {}
        except Interrupted as stopped:
            hint = f"Go on with: latens study run {name} --scale {scale}{_placed(name, scale, out)}"
            raise Interrupted(stopped.message, hint=hint) from None
        if shared:
            shared.close()
        for what, (values, arrays) in extra.items():
            folder.write_result(what, values, arrays)
        folder.write_result("study", _result(name, study, work, plan, outcomes), {})
        return report(name, scale=scale, out=folder.path)


def report(name: str, *, scale: Scale = "quick", out: str | Path | None = None) -> StudyResult:
    """Draw the page of a study that was run, and give its result again."""
    load(name)
    path = Path(out) if out else FOLDER / f"{name}-{scale}"
    if not path.exists():
        raise RunError(
            f"Expected a study that was run at the scale {scale}; there is none at {path}.",
            hint=_other_scales(name, scale)
            or f"Run it with: latens study run {name} --scale {scale}{_placed(name, scale, out)}",
            code="no-run",
        )
    folder = RunFolder.open(path)
    task_of(folder, "study")
    if "study" not in folder.results():
        raise RunError(
            f"Expected a study that was run to its end; {folder.path} is not.",
            hint=f"Go on with: latens study run {name} --scale {scale}{_placed(name, scale, out)}",
            code="unfinished-run",
        )
    result, _ = folder.result("study")
    scale = result["scale"]
    where = _placed(name, scale, out)
    command = f"latens study report {name} --scale {scale}{where} --to docs/results"
    page = str(build_report(folder, next_command=command))
    fields = StudyResult.__dataclass_fields__.keys() - {"run", "page"}
    return StudyResult(run=str(folder.path), page=page, **{f: result[f] for f in fields})


def export(result: StudyResult, to: str | Path) -> Path:
    """Write a study's page, numbers and small pictures as files for a repository."""
    return markdown.export(RunFolder.open(result.run), result.name, Path(to))


def _other_scales(name: str, scale: str) -> str:
    there = [other for other in SCALES if other != scale and (FOLDER / f"{name}-{other}").exists()]
    return f"There is one with --scale {' and one with --scale '.join(there)}." if there else ""


def _placed(name: str, scale: str, out: str | Path | None) -> str:
    """How to type a folder that is not the usual one."""
    usual = FOLDER / f"{name}-{scale}"
    return f" --out {quote(str(out))}" if out and Path(out) != usual else ""


def _folder(path: Path, name: str, scale: str, source: str) -> RunFolder:
    asked = {
        "version": 1, "task": "study", "study": name, "scale": scale, "data": {"source": source},
    }  # fmt: skip
    if not path.exists():
        return RunFolder.create(path, asked, {"data": source, **hardware()}, {})
    folder = RunFolder.open(path)
    if folder.spec() != asked:
        raise RunError(
            f"Expected the study {name} ({scale}, {source}) in {path}; another one is there.",
            hint="Choose another --out.",
            code="other-spec",
        )
    return folder


def _shared(storage: str | None, queue: str, name: str, work: Trainings) -> StudyQueue | None:
    """The queue from which other machines take trainings, where one was asked for."""
    if storage is None:
        return None
    from latens.app import study_queue  # Optuna is not needed without it

    return study_queue.opened(storage, queue, name, work)


def _rounds(
    study: Study, work: Trainings, progress: Progress, shared: StudyQueue | None
) -> tuple[Plan, Outcomes]:
    """Train all arms; ask for the plan again until it has no new arm."""
    outcomes: Outcomes = {}
    while True:
        so_far = {name: float(np.mean([o.val for o in each])) for name, each in outcomes.items()}
        plan = study.plan(work.scale, so_far)
        new = [arm for arm in plan.arms if arm.name not in outcomes]
        if not new:
            return plan, outcomes
        work.arms.update({arm.name: arm for arm in new})
        before = sum(map(len, outcomes.values()))
        if shared:
            shared.serve(_asked(new, work), so_far)
        outcomes.update(_round(new, work, progress, before))


def _round(arms: list[Arm], work: Trainings, progress: Progress, before: int) -> Outcomes:
    """Train new arms seed by seed, so that an early stop leaves whole repetitions."""
    found: Outcomes = {arm.name: [] for arm in arms}
    asked = _asked(arms, work)
    for done, (arm, seed) in enumerate(asked):
        progress("trainings", before + done, before + len(asked))
        found[arm.name].append(work.train(arm, seed))
    progress("trainings", before + len(asked), before + len(asked))
    return found


def _asked(arms: list[Arm], work: Trainings) -> list[tuple[Arm, int]]:
    return [
        (arm, seed)
        for place, seed in enumerate(work.seeds)
        for arm in arms
        if arm.seeds is None or place < arm.seeds
    ]


def _result(
    name: str, study: Study, work: Trainings, plan: Plan, outcomes: Outcomes
) -> dict[str, Any]:
    arms = [_described(arm, outcomes[arm.name]) for arm in plan.arms]
    task = "classify" if study.metric == "accuracy" else "pretrain"
    answering = [arm for arm in arms if arm["task"] == task]
    return {
        "name": name,
        "scale": work.scale,
        "question": study.question,
        "source": study.source,
        "about": inspect.cleandoc(catalog.load(ROOM, name).__doc__ or ""),
        "data": work.data,
        "metric": study.metric,
        "seeds": list(work.seeds),
        "arms": arms,
        "chosen": max(answering, key=lambda arm: arm["val_score"])["name"],
        "contrasts": _contrasts(plan.contrasts, outcomes),
        "reported": [asdict(number) for number in study.reported],
        "remarks": list(study.remarks),
        "command": f"latens study run {name} --scale {work.scale} --seeds {len(work.seeds)}",
        **hardware(),
    }


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
        return stats.crossed_interval(np.stack(right))
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
