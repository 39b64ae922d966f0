"""The plots of a session as files: curves of the last model, and all models side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from latens.menu.session import Model, Session
from latens.report.table import Goal, Table

FOLDERS = {"pretrain": "autoencoders", "classify": "classifiers"}
METRICS: dict[str, dict[str, Goal]] = {
    "pretrain": {"val_mse": "minimize", "seconds": "minimize"},
    "classify": {"val_accuracy": "maximize", "val_loss": "minimize", "seconds": "minimize"},
}


def draw(session: Session, task: str) -> None:
    """Write the plots of the models of a task and say where they are.

    The curves are those of the newest model that was trained: one that was loaded from a file of
    another program has none. A single model has nothing to be compared with.
    """
    models = session.of(task)
    if not models:
        session.say("There is no model yet, so there is nothing to plot.")
        return
    curves = next(filter(None, map(_curves, reversed(models))), [])
    with session.working() as watch:
        watch.progress("drawing", 0, 1)
        folder = session.folder / "plots" / FOLDERS[task]
        page, figures = _side_by_side(folder, models, METRICS[task])
    shown = [f"  {file}" for file in [*curves, *figures, *([page] if page else [])]]
    session.say("\n".join(["Plots:", *shown, *([] if page else [_ALONE])]))
    if page and session.windows:
        show(page)


_ALONE = "The plots that set models side by side (parallel coordinates) come with the second model."


def _curves(model: Model) -> list[Path]:
    """Loss and accuracy of training and validation, which the training has drawn already."""
    return sorted((model.run / "report").glob("training-*.png"))


def _side_by_side(
    folder: Path, models: list[Model], metrics: dict[str, Goal]
) -> tuple[Path | None, list[Path]]:
    """The interactive page of parallel coordinates, its table as CSV, and figures of it.

    Of a single model the table alone.
    """
    from latens.report import parallel, parallel_figures
    from latens.report.table_csv import write_csv

    records = [{"uid": m.name, **m.numbers, **m.scores} for m in models]
    names = {name for model in models for name in model.numbers}
    goals = {name: goal for name, goal in metrics.items() if any(name in r for r in records)}
    table = Table.of(records, parameters=names, metrics=goals)
    folder.mkdir(parents=True, exist_ok=True)
    csv = write_csv(table, folder / "models.csv")
    if len(models) == 1:
        return None, [csv]
    page = parallel.page(table, folder / "parallel.html", title="All models")
    return page, [csv, *parallel_figures.figures(table, folder)]


def display() -> bool:
    """Whether there is a screen on which windows can open."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def show(file: Path) -> None:
    """Show a file with the system's own program, in the background: nothing waits for it."""
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    if shutil.which(opener):
        subprocess.Popen(
            [opener, str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
