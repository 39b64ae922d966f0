"""List, show and remove runs; none of it needs torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from latens.errors import RunError
from latens.runs.folder import RunFolder

_MAIN = {"pretrain": ("mse", "val mse {:.5f}"), "classify": ("accuracy", "val accuracy {:.2%}")}


@dataclass(frozen=True)
class Summary:
    """A run on one line; `state` is finished, unfinished or damaged."""

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
    """Facts, curves (metric to one value an epoch) and findings of a run, ready for JSON."""
    run = RunFolder.open(path)
    spec, records = run.spec(), run.metrics()
    results = {name: _scalars(run.result(name)[0]) for name in run.results()}
    curves = {
        f"val {metric}": [record["val"][metric] for record in records if metric in record["val"]]
        for metric in (records[0]["val"] if records else {})
    }
    found = run.result("findings")[0]["findings"] if "findings" in run.results() else []
    facts = {"run": str(run.path), **_facts(spec), "state": _state(run)}
    for name, values in results.items():
        facts |= {f"{name}.{key}": value for key, value in values.items()}
    if "comparison" in results:
        told = run.result("comparison")[0]["comparisons"]
        facts |= {f"{c['mode']} at {c['labels']} labels": c["sentence"] for c in told}
    return {"facts": facts, "curves": curves, "findings": found, "spec": spec}


def remove_run(path: str | Path) -> None:
    """Remove a run folder. Raises `RunError` if it is not one: nothing else is ever removed."""
    shutil.rmtree(open_run(path).path)


def open_run(path: str | Path) -> RunFolder:
    """Open a run that latens made. Raises `RunError` if the folder is of something else."""
    run = RunFolder.open(path)
    if run.spec().get("task") not in (*_MAIN, "compare") or run.path.is_symlink():
        raise RunError(
            f"Expected a run folder that latens made; {run.path} is something else.",
            hint="'latens runs list' shows the runs that there are.",
            code="not-a-run",
        )
    return run


def _run_folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (f.parent for f in root.glob("*/spec.json") if not f.parent.name.startswith("."))


def _summary(folder: Path) -> Summary:
    made = datetime.fromtimestamp(folder.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    try:
        run = RunFolder.open(folder)
        spec = run.spec()
        source = Path(str(spec["data"]["source"])).name
        return Summary(str(folder), spec["task"], source, _state(run), _number(run, spec), made)
    except (RunError, KeyError, TypeError):
        return Summary(str(folder), "?", "?", "damaged", "", made)


def _state(run: RunFolder) -> str:
    done = run.finished or "comparison" in run.results()
    return "finished" if done else "unfinished"


def _number(run: RunFolder, spec: dict[str, Any]) -> str:
    results = run.results()
    if "classification" in results:
        return f"test accuracy {run.result('classification')[0]['accuracy']:.2%}"
    if "comparison" in results:
        return ", ".join(c["verdict"] for c in run.result("comparison")[0]["comparisons"])
    if run.finished and spec["task"] in _MAIN:
        metric, form = _MAIN[spec["task"]]
        return form.format(run.result("training")[0]["val"][metric])
    return ""


def _facts(spec: dict[str, Any]) -> dict[str, Any]:
    facts = {"task": spec.get("task"), "data": spec.get("data", {}).get("source")}
    if spec.get("mode"):
        facts["mode"] = spec["mode"]
    for phase in spec.get("phases", []):
        facts[f"phase {phase['name']}"] = (
            f"{phase['epochs']} epoch{'' if phase['epochs'] == 1 else 's'}, {phase['optimizer']} "
            f"{phase['learning_rate']:g} {phase['schedule']}"
        )
    return facts


def _scalars(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if isinstance(v, int | float | str)}
