"""`latens runs`, `latens report`, `latens doctor`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from latens.cli import options as o
from latens.cli.screen import Screen, duration

Root = Annotated[Path, typer.Option("--root", help="The folder that holds runs.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    group = typer.Typer(help="List, show and remove runs.", no_args_is_help=True)
    group.command("list")(list_runs)
    group.command("show")(show)
    group.command("rm")(remove)
    app.add_typer(group, name="runs")
    app.command()(report)
    app.command()(doctor)


def list_runs(root: Root = Path("runs"), json: o.Json = False) -> None:
    """List the runs in a folder, newest first.

    Example:  latens runs list
    """
    from latens.app.runs import list_runs as found_in

    screen = Screen(as_json=json)
    found = found_in(root)
    screen.document([summary.to_dict() for summary in found])
    if not found:
        screen.plain(f"No runs in {root}." if root.is_dir() else f"There is no folder {root}.")
        return screen.next("latens pretrain digits")
    rows = [[s.run, s.task, s.data, s.state, s.main_number, s.made] for s in found]
    screen.table("", ["run", "task", "data", "state", "result", "made"], rows)
    return screen.next(f"latens runs show {quote(found[0].run)}")


def show(run: o.RunPath, json: o.Json = False) -> None:
    """Show what a run was asked, what came out, and its curve.

    Example:  latens runs show runs/ae
    """
    from latens.app.runs import show_run

    screen = Screen(as_json=json)
    details = show_run(run)
    screen.document(details)
    if json:
        return
    screen.facts({**details["facts"], **_numbers(details), **details["verdicts"]})
    screen.findings(details["findings"])
    if details["failure"]:
        screen.plain(f"Try: {details['failure']['hint']}")
    screen.next(details["resume"] or f"latens report {quote(str(run))}")


def _numbers(details: dict[str, Any]) -> dict[str, str]:
    """Results and curves with digits and units that a person can read."""
    from latens.report.text import sparkline

    told = {
        f"{result} {_LABELS.get(name, name.replace('_', ' '))}": _shown(name, value)
        for result, values in details["results"].items()
        for name, value in values.items()
    }
    for name, curve in details["curves"].items():
        told[name] = f"{sparkline(curve)}  {_shown(name.removeprefix('val '), curve[-1])}"
    return told


def _shown(name: str, value: Any) -> str:
    """A value by its name: 98.76%, 26.1 dB, 12 s; other numbers with four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("seconds"):
        return duration(value)
    if isinstance(value, int) or (name == "images_per_second" and isinstance(value, float)):
        return f"{value:,.0f}"
    if not isinstance(value, float):
        return str(value)
    return f"{value:{_FORMS.get(name, '.4g')}}" + (" dB" if name == "psnr" else "")


_LABELS = {
    "train_seconds": "time", "images_per_second": "images a second in updates", "placement": "on",
    "pca_mse": "mse of PCA", "psnr": "PSNR", "ssim": "SSIM"
}  # fmt: skip
_FORMS = {"accuracy": ".2%", "psnr": ".1f", "ssim": ".3f"}


def remove(
    run: o.RunPath,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: o.Json = False,
) -> None:
    """Remove a run and all that is in it.

    Example:  latens runs rm runs/ae --yes
    """
    from latens.app.runs import open_run, remove_run
    from latens.errors import UsageError

    screen = Screen(as_json=json)
    folder = open_run(run)
    if json and not yes:
        raise UsageError(
            "Expected --yes beside --json, because nobody can be asked; got --json alone.",
            hint=f"Use: latens runs rm {quote(str(run))} --yes --json",
            code="not-confirmed",
        )
    if not yes and not typer.confirm(f"Remove {folder.path} for good?"):
        return screen.plain("Kept.")
    remove_run(run)
    screen.document({"removed": str(run)})
    return screen.plain(f"Removed {run}.")


def report(run: o.RunPath, json: o.Json = False) -> None:
    """Draw a run's figures and page again from what it holds.

    Example:  latens report runs/clf
    """
    from latens.report.build import build
    from latens.runs.folder import RunFolder

    screen = Screen(as_json=json)
    with screen.bars() as watch:
        folder = RunFolder.open(run)
        if folder.spec().get("task") == "sweep":  # its pictures are drawn from its queue
            from latens.app.sweep import report as drawn

            page = drawn(run).page
        else:
            page = str(build(folder, progress=watch.progress))
    figures = sorted(str(file) for file in folder.report_dir.glob("*.png"))
    screen.document({"run": str(run), "page": page, "figures": figures})
    if not page:
        screen.plain("There is nothing to draw yet: no trial is complete.")
        screen.next(f"latens sweep --resume {quote(str(run))}")
        return
    screen.plain(f"Report: {page}")
    for figure in figures:
        screen.plain(f"Figure: {figure}")


def doctor(json: o.Json = False) -> None:
    """Check this machine: Python, packages, devices, disk, data folders.

    Example:  latens doctor
    """
    screen = Screen(as_json=json)
    with screen.bars() as watch:
        watch.progress("looking around", 0, 1)
        from latens.app.doctor import doctor as examine

        facts, findings = examine()
    told = [finding.to_dict() for finding in findings]
    screen.document({"facts": facts, "findings": told})
    screen.facts(facts)
    screen.findings(told)
    if not findings:
        screen.say("[green]✓[/green] Nothing to mend.")
    screen.next("latens data list")
