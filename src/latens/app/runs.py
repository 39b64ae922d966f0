"""List, show and remove runs; none of it needs torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from latens.errors import RunError, plural
from latens.report import words
from latens.runs import commands
from latens.runs.folder import RunFolder

MADE = ("pretrain", "classify", "compare", "study", "sweep")


@dataclass(frozen=True)
class Summary:
    """A run on one line; `state` is finished, unfinished, failed or damaged."""

    run: str
    task: str
    data: str
    state: str
    main_number: str
    made: str

    def to_dict(self) -> dict[str, str]:
        """The form that ``--json`` prints."""
        return asdict(self)


def list_runs(root: str | Path) -> list[Summary]:
    """The runs directly in `root`, newest first; a damaged one is listed as such."""
    folders = sorted(_run_folders(Path(root)), key=lambda f: f.stat().st_mtime, reverse=True)
    return [_summary(folder) for folder in folders]


def show_run(path: str | Path) -> dict[str, Any]:
    """What a run was asked, how it stands and what came out, ready for JSON.

    `facts` are texts, `results` numbers by result, `curves` values an epoch by metric, `progress`
    and `failure` as `RunFolder` has them, `resume` the command that goes on
    with an unfinished one, else empty.
    """
    run = RunFolder.open(path)
    spec, records = run.spec(), run.metrics()
    failed = run.failure()
    come = _come(run, spec) if run.state != "finished" else None
    return {
        "facts": {"run": str(run.path), **_facts(spec), "state": _told(run.state, come, failed)},
        "state": run.state,
        "progress": come,
        "failure": failed,
        "resume": _resume(run, spec),
        "results": {name: _scalars(name, run.result(name)[0]) for name in run.results()},
        "verdicts": _verdicts(run),
        "curves": _curves(records),
        "findings": run.result("findings")[0]["findings"] if "findings" in run.results() else [],
        "spec": spec,
    }


def remove_run(path: str | Path) -> None:
    """Remove a run folder. Raises `RunError` if it is not one: nothing else is ever removed."""
    run = open_run(path)
    with run.alone():
        shutil.rmtree(run.path)


def open_run(path: str | Path) -> RunFolder:
    """Open a run that latens made. Raises `RunError` if the folder is of something else."""
    run = RunFolder.open(path)
    if run.spec().get("task") not in MADE or run.path.is_symlink():
        raise RunError(
            f"Expected a run folder that latens made; {run.path} is something else.",
            hint="'latens runs list' shows the runs that there are.",
            code="not-a-run",
        )
    return run


def _come(run: RunFolder, spec: dict[str, Any]) -> dict[str, Any] | None:
    """How far an unfinished training has come, or how many trainings a larger one has done.

    A study decides on the way how many there will be: its `of` is None.
    """
    if spec.get("task") == "study":
        return {"trainings": len([*run.path.glob("runs/*/results/training.json")]), "of": None}
    if spec.get("task") == "sweep":
        done = len([*run.path.glob("trials/*/results/training.json")])
        return {"trainings": done, "of": spec["trials"]}
    if spec.get("task") == "compare":
        asked = spec["seeds"] * (1 + len(spec["labels"]) * len(spec["modes"]))
        done = len([*run.path.glob("runs/*/results/training.json")])
        return {"trainings": done, "of": asked}
    return run.progress()


def _told(state: str, come: dict[str, Any] | None, failed: dict[str, str] | None) -> str:
    if state == "finished":
        return state
    parts = [state]
    if come and come.get("of", 0) is None:
        parts.append(f"{plural(come['trainings'], 'training')} done")
    elif come and "trainings" in come:
        parts.append(f"{come['trainings']} of {plural(come['of'], 'training')} done")
    elif come:
        parts.append(f"{come['epoch']} of {plural(come['epochs'], 'epoch')} of phase "
                     f"{come['phase']} done, {plural(come['step'], 'update')}")  # fmt: skip
    else:
        parts.append("nothing is saved yet")
    return f"{', '.join(parts)}: {failed['reason']}" if failed else ", ".join(parts)


def _resume(run: RunFolder, spec: dict[str, Any]) -> str:
    task = spec.get("task")
    return commands.resume(run.path, spec) if run.state == "unfinished" and task in MADE else ""


def _curves(records: list[dict[str, Any]]) -> dict[str, list[float]]:
    names = dict.fromkeys(name for record in records for name in record.get("val") or {})
    return {
        f"val {name}": [r["val"][name] for r in records if name in (r.get("val") or {})]
        for name in names
    }


def _verdicts(run: RunFolder) -> dict[str, str]:
    """The sentence of each comparison, by what is compared."""
    if "study" in run.results():
        told = run.result("study")[0]["contrasts"]
        names = [f"{c['arm']} against {c['control']}" for c in told]
        sentences = [c["sentence"] for c in told]
        return {n: s.removeprefix(f"{n}: ") for n, s in zip(names, sentences, strict=True)}
    if "comparison" not in run.results():
        return {}
    told = run.result("comparison")[0]["comparisons"]
    return {f"{c['mode']} at {words.labels(c['labels'])}": c["sentence"] for c in told}


def _run_folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (f.parent for f in root.glob("*/spec.json") if not f.parent.name.startswith("."))


def _summary(folder: Path) -> Summary:
    made = datetime.fromtimestamp(folder.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    try:
        run = RunFolder.open(folder)
        spec = run.spec()
        source = Path(str(spec["data"]["source"]).split(",")[0]).name
        number = _number(run)
        return Summary(str(folder), spec["task"], source, run.state, number, made)
    except (RunError, KeyError, TypeError):
        return Summary(str(folder), "?", "?", "damaged", "", made)


def _number(run: RunFolder) -> str:
    """What came out, as short as a line of a list has room for."""
    results = run.results()
    if "sweep" in results:
        return _front(run.result("sweep")[0])
    if "study" in results:
        return _best(run.result("study")[0])
    if "classification" in results:
        return f"test accuracy {run.result('classification')[0]['accuracy']:.2%}"
    if "comparison" in results:
        found = [c["verdict"] for c in run.result("comparison")[0]["comparisons"]]
        kinds = ("gain", "loss", "no benefit", "not shown")
        return ", ".join(f"{found.count(kind)} {kind}" for kind in kinds if kind in found)
    if "training" not in results:
        return ""
    val = run.result("training")[0]["val"]
    if "accuracy" in val:
        return f"val accuracy {val['accuracy']:.2%}"
    return next((f"val {name} {value:.4g}" for name, value in val.items()), "")


def _front(sweep: dict[str, Any]) -> str:
    """How many trials there were, and the best score."""
    found = [t[sweep["score"]] for t in sweep["trials"] if t["trial"] == sweep["best"]]
    told = f", best {sweep['score'].replace('_', ' ')} {found[0]:.5g}" if found else ""
    return f"{plural(sweep['complete'], 'complete trial')}{told}"


def _best(study: dict[str, Any]) -> str:
    """The test number of the arm that validation chose."""
    arm = next(arm for arm in study["arms"] if arm["name"] == study["chosen"])
    return f"test {_value(arm)} ({arm['name']})"


def _value(arm: dict[str, Any]) -> str:
    mean = arm["mean"]
    unit = {"accuracy": f"accuracy {mean:.2%}", "nats": f"-ELBO {mean:.2f} nats"}
    return unit.get(arm["unit"], f"squared error {mean:.5f}")


def _facts(spec: dict[str, Any]) -> dict[str, Any]:
    facts = {"task": spec.get("task"), "data": spec.get("data", {}).get("source")}
    facts |= {name: spec[name] for name in ("study", "scale", "mode") if spec.get(name)}
    for phase in spec.get("phases", []):
        facts[f"phase {phase['name']}"] = (
            f"{plural(phase['epochs'], 'epoch')}, {phase['optimizer']} "
            f"{phase['learning_rate']:g} {phase['schedule']}"
        )
    return facts


def _scalars(name: str, values: dict[str, Any]) -> dict[str, Any]:
    if name == "study":
        means = {arm["name"]: f"test {_value(arm)}" for arm in values["arms"]}
        return {**means, "best on validation": values["chosen"], "date": values["date"]}
    return {k: v for k, v in values.items() if isinstance(v, int | float | str)}
