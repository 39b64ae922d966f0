"""What a sweep found: a table of its trials, fronts, a page, and the command to type next."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import optuna

from latens.app.sweep_repeats import REPEATS
from latens.app.sweep_spec import SweepSpec
from latens.report import parallel, parallel_figures, table_csv
from latens.report.next_step import after
from latens.report.table import Goal, Table, pareto
from latens.runs.folder import RunFolder
from latens.search.queue import Slot

COSTS = ("seconds", "code")
_GOALS: dict[str, Goal] = {"accuracy": "maximize"}  # of metrics; the others are to be small


@dataclass(frozen=True)
class Swept:
    """What a sweep found.

    Attributes:
        run: its folder.
        trains: what a trial is, "pretrain" or "classify"; `search` how values were proposed.
        score: the column that trials are judged by, as "val_accuracy"; `goal` is the direction.
        trials: one mapping a trial, as in the table: its number, state, values and results.
        complete, pruned, failed: how many trials; those that repeat another are among them, which
            was trained in their place (their "repeats" is its number).
        best: the number of the best complete trial; None if there is none.
        fronts: numbers of the trials that no other beats in score and cost, by cost: "seconds" of
            training, and numbers in the "code".
        importance: the share of each parameter in how scores differ, 0 to 1; empty where there
            are too few trials to tell (PED-ANOVA, Watanabe et al. 2023).
        csv, page: files with all of it.
        next: the command to type next.
    """

    run: str
    trains: str
    data: str
    search: str
    score: str
    goal: str
    trials: list[dict[str, Any]]
    complete: int
    pruned: int
    failed: int
    best: int | None
    fronts: dict[str, list[int]]
    importance: dict[str, float]
    csv: str
    page: str
    next: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


def answer(
    run: RunFolder, spec: SweepSpec, study: optuna.Study, slots: Mapping[str, Slot]
) -> Swept:
    """Write the table, the page and the figures of a sweep; what it found."""
    trials, score = records(spec, slots), f"val_{spec.score}"
    table = table_of(spec, trials)
    fronts = {cost: _front(table, cost, score) for cost in COSTS}
    weights = _importance(study)
    states = [trial["state"] for trial in trials]
    best = _best(trials, score, spec.goal)
    found = Swept(
        run=str(run.path),
        trains=spec.trains,
        data=spec.data["source"],
        search=spec.search,
        score=score,
        goal=spec.goal,
        trials=trials,
        complete=states.count("complete"),
        pruned=states.count("pruned"),
        failed=states.count("failed"),
        best=best,
        fronts=fronts,
        importance=weights,
        csv=str(table_csv.write_csv(table, run.path / "trials.csv")),
        page=_draw(run, table, weights, score, spec) if "complete" in states else "",
        next=_next(run, spec, best, all(slot.done for slot in slots.values())),
    )
    if all(slot.done for slot in slots.values()):  # a result is what tells that a run is finished
        run.write_result("sweep", found.to_dict(), {})
    return found


def records(spec: SweepSpec, slots: Mapping[str, Slot]) -> list[dict[str, Any]]:
    """A mapping for each trial: its number, state, values, results, and why it failed."""
    return [
        _record(spec, int(name), slot)
        for name, slot in sorted(slots.items(), key=lambda item: int(item[0]))
    ]


def _record(spec: SweepSpec, number: int, slot: Slot) -> dict[str, Any]:
    row = slot.done or slot.rows[-1]
    ended = row.user_attrs
    return {
        "trial": number,
        "state": slot.state,
        **{p.name: row.params.get(p.name) for p in spec.space},
        **{f"val_{name}": value for name, value in _score_first(spec, ended.get("val", {}))},
        **{name: ended.get(name) for name in ("seconds", "code", "parameters", "epochs")},
        "repeats": ended.get(REPEATS),
        "reason": slot.reason or None,
        "run": f"trials/{ended['run']}" if "run" in ended else None,
        "host": ended.get("host"),
    }


def _score_first(spec: SweepSpec, val: Mapping[str, float]) -> list[tuple[str, float | None]]:
    others = [(name, value) for name, value in val.items() if name != spec.score]
    return [(spec.score, val.get(spec.score)), *others]


def table_of(spec: SweepSpec, trials: Sequence[Mapping[str, Any]]) -> Table:
    """The trials as a table, for pages and files."""
    metrics = dict.fromkeys(n for trial in trials for n in trial if n.startswith("val_"))
    goals: dict[str, Goal] = {
        name: _GOALS.get(name.removeprefix("val_"), "minimize") for name in metrics
    }
    return Table.of(
        trials,
        parameters=[p.name for p in spec.space],
        metrics={**goals, "seconds": "minimize", "code": "minimize"},
        log=[p.name for p in spec.space if p.log],
    )


def _front(table: Table, cost: str, score: str) -> list[int]:
    """Numbers of the trials that none beats."""
    numbers = table.values("trial")
    return [int(str(numbers[place])) for place in pareto(table, cost, score)]


def _best(trials: Sequence[Mapping[str, Any]], score: str, goal: str) -> int | None:
    """The number of the trained trial with the best score; of two alike, the first."""
    trained = (trial for trial in trials if trial["repeats"] is None)
    complete = [trial for trial in trained if trial["state"] == "complete"]
    if not complete:
        return None
    sign = -1 if goal == "maximize" else 1
    return int(min(complete, key=lambda trial: sign * trial[score])["trial"])


def _importance(study: optuna.Study) -> dict[str, float]:
    """Optuna's; empty where it cannot tell."""
    if len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            found = optuna.importance.get_param_importances(study)
        except (RuntimeError, ValueError, UserWarning):  # too few trials, or all are alike
            return {}
    return {name: float(share) for name, share in found.items()}


def _draw(
    run: RunFolder, table: Table, weights: Mapping[str, float], score: str, spec: SweepSpec
) -> str:
    """The interactive page, and a picture of each of its parts for a paper."""
    fronts = [(cost, score) for cost in COSTS]
    title = f"Sweep of {Path(spec.data['source']).name}: {spec.search}, {len(table.rows)} trials"
    parallel_figures.figures(table, run.report_dir, importance=weights or None, front=fronts)
    page = parallel.page(
        table, run.report_dir / "index.html", title=title, importance=weights or None, front=fronts
    )
    return str(page)


def _next(run: RunFolder, spec: SweepSpec, best: int | None, done: bool) -> str:
    if not done:
        return f"latens sweep --resume {quote(str(run.path))}"
    if best is None:
        return f"latens {spec.trains} {quote(spec.data['source'])}"
    path = run.path / "trials" / f"{best:04d}"
    if spec.trains == "classify" or not path.exists():
        return f"latens evaluate {quote(str(path))}"
    return after(RunFolder.open(path)).command
