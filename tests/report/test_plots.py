"""The contract of report/plots: every file draws usual, minimal and odd input, and says what."""

from __future__ import annotations

import io
import sys
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from report_examples import CIFAR, EXAMPLES, TWO_PHASE, Example, classification, comparison, records

from latens import catalog
from latens.report import style

CASES = [(plot, case) for plot, cases in EXAMPLES.items() for case in cases]


def draw(plot: str, example: Example) -> dict[str, Figure]:
    figures: dict[str, Figure] = catalog.load("report.plots", plot).draw(*example)
    return figures


def words_of(figure: Figure) -> list[str]:
    from matplotlib.text import Text

    return [str(text.get_text()) for text in figure.findobj(Text) if text.get_text()]


def test_every_plot_has_examples() -> None:
    assert set(catalog.names("report.plots")) == set(EXAMPLES)


@pytest.mark.parametrize(("plot", "case"), CASES)
def test_draws_without_warning_and_explains_each_figure(plot: str, case: str) -> None:
    module = catalog.load("report.plots", plot)
    figures = draw(plot, EXAMPLES[plot][case])
    assert set(figures) <= set(module.CAPTIONS)
    assert set(getattr(module, "PICTURES", ())) <= set(module.CAPTIONS)
    for figure in figures.values():
        with style.look():
            figure.savefig(io.BytesIO(), dpi=40)


@pytest.mark.parametrize("plot", EXAMPLES)
def test_captions_are_sentences_and_each_figure_is_drawn_by_some_example(plot: str) -> None:
    captions = catalog.load("report.plots", plot).CAPTIONS
    assert all(caption.endswith(".") and caption[0].isupper() for caption in captions.values())
    assert set(captions) == {key for case in EXAMPLES[plot].values() for key in draw(plot, case)}


@pytest.mark.parametrize("plot", EXAMPLES)
def test_nothing_to_draw_gives_no_figures(plot: str) -> None:
    assert draw(plot, ({}, {})) == {}


def test_drawing_leaves_no_global_state() -> None:
    before = dict(mpl.rcParams)
    draw("comparison", EXAMPLES["comparison"]["usual"])
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_a_users_settings_do_not_change_the_look() -> None:
    with mpl.rc_context({"font.size": 40.0, "axes.facecolor": "red"}):
        [figure] = draw("training", ({"records": records("autoencoder", 3, "mse")}, {})).values()
    assert figure.axes[0].get_facecolor() == (1.0, 1.0, 1.0, 1.0)


def test_error_has_a_log_axis_and_accuracy_a_linear_one() -> None:
    figures = draw("training", ({"records": records("head", 20, "mse", "accuracy")}, {}))
    assert figures["loss"].axes[0].get_yscale() == "log"
    assert figures["accuracy"].axes[0].get_yscale() == "linear"


def test_phases_are_named_where_there_are_two() -> None:
    two = words_of(draw("training", ({"records": TWO_PHASE}, {}))["accuracy"])
    assert {"head only", "all layers"} <= set(two)
    one = words_of(draw("training", ({"records": records("head", 5, "accuracy")}, {}))["accuracy"])
    assert "head only" not in one


def test_the_best_validation_value_is_written() -> None:
    [figure] = draw("training", ({"records": records("autoencoder", 20, "mse")}, {})).values()
    assert any("best 0.0033 in epoch 20" in text for text in words_of(figure))


def test_wrong_predictions_show_predicted_and_true_class_with_confidence() -> None:
    result, arrays = classification(CIFAR, sure=1.0)
    first = arrays["wrong_index"][0]
    chances = arrays["probabilities"][first]
    shown = words_of(draw("classification", (result, arrays))["wrong"])
    assert f"{CIFAR[chances.argmax()]}  {chances.max():.0%}" in shown
    assert f"is {CIFAR[arrays['labels'][first]]}" in shown


def test_counts_are_written_for_few_classes_only() -> None:
    few, many = classification(CIFAR), classification([f"c{i}" for i in range(100)], 600)
    largest = str(max(map(max, few[0]["confusion"])))
    assert largest in words_of(draw("classification", few)["confusion"])
    assert len(words_of(draw("classification", many)["confusion"])) < 40


@pytest.mark.parametrize("seeds", [1, 5])
def test_every_seed_is_a_point(seeds: int) -> None:
    result, _ = comparison([50], ["scratch", "frozen"], seeds=seeds)
    ax = draw("comparison", (result, {}))["arms"].axes[0]
    drawn = {float(x) for line in ax.get_lines() for x in _xs(line)}
    assert {value for arm in result["arms"] for value in arm["accuracies"]} <= drawn


def _xs(line: Any) -> list[float]:
    return [float(x) for x in line.get_xdata()]


def test_a_marker_at_nought_does_not_hide_a_name() -> None:
    numbers, arrays = classification(CIFAR)
    row = {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 1.0}
    figure = draw("classification", ({**numbers, "report": {"bird": row}}, arrays))["classes"]
    assert figure.axes[0].get_xlim()[0] < 0
