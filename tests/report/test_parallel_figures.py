"""The figures of a table of trials: usual and odd ones, and what they show."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from table_examples import odd, usual

from latens.errors import DataError, UsageError
from latens.report import parallel_figures, trial_figures
from latens.report.parallel_figures import figures, matrix, parallel
from latens.report.scales import Scale, short
from latens.report.table import Column, Table


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer dots an inch, for speed."""
    monkeypatch.setattr(parallel_figures, "DPI", 40)


def test_all_figures_of_a_search(tmp_path: Path) -> None:
    shares = {"learning_rate": 0.8, "filters": 0.2}
    front = [("seconds", "val_mse")]
    paths = figures(usual(), tmp_path / "new", importance=shares, front=front)
    assert [path.name for path in paths] == [
        "parallel.png", "matrix.png", "history.png", "importance.png", "front-seconds.png",
    ]  # fmt: skip
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width > 200


@pytest.mark.parametrize("name", odd())
def test_odd_tables_are_drawn(name: str, tmp_path: Path) -> None:
    paths = figures(odd()[name], tmp_path)
    assert (tmp_path / "parallel.png") in paths and all(path.is_file() for path in paths)


def test_unknown_columns_and_empty_tables_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name of a column"):
        figures(usual(), tmp_path, importance={"dropout": 1.0})
    with pytest.raises(DataError, match="at least one row"):
        figures(Table((), []), tmp_path)


def words(figure: Figure) -> set[str]:
    return {str(t.get_text()) for ax in figure.axes for t in ax.texts} | {
        str(t.get_text()) for ax in figure.axes if ax.get_legend() for t in ax.get_legend().texts
    }


def test_the_parallel_figure_names_axes_values_and_states() -> None:
    shown = words(parallel(usual()))
    assert {"learning_rate", "adam", "true", "32", "missing", "pruned", "failed"} <= shown
    assert "pruned" not in words(parallel(odd()["constant"]))


def test_the_matrix_needs_two_columns_that_differ() -> None:
    assert matrix(odd()["constant"], {}) is None
    made = matrix(usual(), {"filters": 0.9})
    assert made is not None and made.axes[0].get_ylabel() == "filters"


def test_every_row_and_column_of_the_matrix_is_named_on_one_line() -> None:
    made = matrix(usual(), {})
    assert made is not None
    made.draw_without_rendering()
    side = round(len(made.axes) ** 0.5)
    left, below = made.axes[::side], made.axes[-side:]
    assert all(list(ax.get_yticks()) for ax in left) and all(list(ax.get_xticks()) for ax in below)
    assert np.ptp([ax.yaxis.label.get_window_extent().x0 for ax in left]) < 1
    assert np.ptp([ax.xaxis.label.get_window_extent().y1 for ax in below]) < 1
    gaps = np.diff([ax.get_position().x0 for ax in below])
    assert np.ptp(gaps) < 0.01
    for ax in below:
        boxes = [word.get_window_extent() for word in ax.get_xticklabels()]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


def test_the_best_so_far_never_gets_worse() -> None:
    made = trial_figures.history(usual())
    assert made is not None
    (line,) = made.axes[0].lines
    assert (np.diff(np.asarray(line.get_ydata())) <= 0).all()


def test_a_scale_gives_every_value_a_place() -> None:
    values = [None, 1.0, 10.0, 100.0, 0.0, float("nan"), float("inf")]
    scale = Scale.of(Column("x", log=True), values)
    assert scale.unit[2] - scale.unit[1] == pytest.approx(scale.unit[3] - scale.unit[2])
    assert (scale.unit[[0, 4, 5, 6]] < scale.base).all() and len(set(scale.unit)) == 7
    assert {name for _, name in scale.ticks} == {"missing", "NaN", "∞", "≤ 0", "1", "10", "100"}
    assert short(-1e-5) == "−1e-5"
