"""Studies: run one, report it.

A study's folder holds its trainings as runs of their own, so that one that was stopped goes on
where it was. Arms are chosen on validation; the test part is read once for each training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np

from latens import catalog
from latens.app.opening import task_of
from latens.app.study_answer import Outcomes, answer
from latens.app.study_answer import hardware as hardware
from latens.app.study_arms import SMOKE_DATA, Trainings
from latens.app.study_workers import Workers
from latens.app.warm_up import warm_up
from latens.errors import Interrupted, RunError, UsageError, unknown_name
from latens.progress import Progress, silent
from latens.report import markdown
from latens.report.build import build as build_report
from latens.runs.folder import RunFolder
from latens.studies._study import SCALES, Arm, Plan, Scale, Study
from latens.train.device import cores
from latens.train.records import Observer

if TYPE_CHECKING:
    from latens.app.study_queue import StudyQueue

ROOM = "studies"
FOLDER = Path("studies")


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
    workers: int = 1,
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
        workers: how many trainings at a time, in processes of this machine, each with its share
            of the cores unless `options` say how many threads. A script that asks for more than
            one must begin under ``if __name__ == "__main__":``.

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
    machine = _shares(options or {}, workers, storage)
    if scale == "smoke" and data:
        raise UsageError(
            f"Expected no other images at the scale smoke, which takes {SMOKE_DATA}; got {data!r}.",
            hint="Use --scale quick with --data, or leave --data out.",
            code="without-effect",
        )
    source = SMOKE_DATA if scale == "smoke" else data or study.data
    folder = _folder(Path(out) if out else FOLDER / f"{name}-{scale}", name, scale, source)
    work = Trainings(folder.path, source, scale, range(count), machine, observers, progress)
    with folder.alone():
        shared = _shared(storage, queue or f"{name}-{scale}", name, work, workers)
        try:
            if workers == 1:  # else each of them warms up for itself
                warm_up(machine)
            plan, outcomes = _rounds(study, work, progress, shared)
            extra = study.measure(work) if study.measure else {}
        except Interrupted as stopped:
            hint = f"Go on with: latens study run {name} --scale {scale}{_placed(name, scale, out)}"
            raise Interrupted(stopped.message, hint=hint) from None
        if shared:
            shared.close()
        for what, (values, arrays) in extra.items():
            folder.write_result(what, values, arrays)
        typed = _typed(name, work, workers, {"data": data, **(options or {})})
        folder.write_result("study", answer(name, study, work, plan, outcomes, typed), {})
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


def _typed(name: str, work: Trainings, workers: int, given: dict[str, Any]) -> str:
    """The command, with the options that decide what it finds and how long it takes."""
    flags: dict[str, Any] = {"scale": work.scale, "seeds": len(work.seeds)}
    if workers > 1:
        flags["workers"] = workers
    for option in ("data", "device", "precision", "threads"):
        if given.get(option) not in (None, "auto"):
            flags[option] = given[option]
    said = [f"--{flag} {quote(str(value))}" for flag, value in flags.items()]
    return " ".join([f"latens study run {name}", *said])


def _shares(options: dict[str, Any], workers: int, storage: str | None) -> dict[str, Any]:
    """The options of every training, where `workers` of them share the cores of this machine."""
    if workers < 1:
        raise UsageError(
            f"Expected at least one worker; got {workers}.", hint="Use --workers 2.", code="workers"
        )
    if workers == 1:
        return options
    if storage:
        raise UsageError(
            f"Expected workers of this machine or those of a storage; got {workers} and a storage.",
            hint="Leave --workers out, and start 'latens worker' here as often as you like.",
            code="workers",
        )
    return {**options, "threads": options.get("threads") or max(1, cores() // workers)}


def _shared(
    storage: str | None, queue: str, name: str, work: Trainings, workers: int
) -> StudyQueue | Workers | None:
    """Those that train too, where they were asked for: other machines, or processes of this one."""
    if workers > 1:
        return Workers(workers, work)
    if storage is None:
        return None
    from latens.app import study_queue  # Optuna is not needed without it

    return study_queue.opened(storage, queue, name, work)


def _rounds(
    study: Study, work: Trainings, progress: Progress, shared: StudyQueue | Workers | None
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
