"""What the figures of evaluations promise: nothing overlaps, and marks mean what captions say."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from evaluation_examples import LEVELS, anomaly, denoising, latent, maps, noise, recall, samples
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from latens import catalog
from latens.report import style


def draw(plot: str, example: Any) -> dict[str, Figure]:
    figures: dict[str, Figure] = catalog.load("report.plots", plot).draw(*example)
    return figures


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def frames(figure: Figure) -> int:
    """How many pictures stand in the frame that marks them."""
    lines = figure.axes[0].get_lines()
    return sum(same_color(line.get_color(), style.VERMILLION) for line in lines)


@pytest.mark.parametrize("picture", [(1, 8, 8), (3, 32, 16)])
def test_thumbnails_of_a_map_do_not_overlap(picture: tuple[int, ...]) -> None:
    [figure] = draw("maps", maps(400, 5, *picture)).values()
    boxes = [image.get_extent() for image in figure.findobj(AxesImage)]
    assert len(boxes) > 10
    for (left, right, low, top), (a, b, c, d) in combinations(boxes, 2):
        assert right <= a or b <= left or top <= c or d <= low


def test_names_on_a_map_do_not_overlap() -> None:
    result, arrays = maps(200, 8, 1, 8, 8)
    arrays["map_0"] = np.random.default_rng(0).normal(0, 1, (200, 2)).astype(np.float32)
    result["classes"] = [f"a longer name {i}" for i in range(8)]
    [figure] = draw("maps", (result, arrays)).values()
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 8
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_map_says_its_numbers() -> None:
    [figure] = draw("maps", maps(60, 3, 1, 8, 8)).values()
    assert any("60 images" in text and "90.0% in the code" in text for text in texts(figure))


def test_every_way_is_a_curve_through_its_accuracies() -> None:
    result, _ = noise("one", "two", classes=4)
    [figure] = draw("noise", (result, {})).values()
    drawn = [line.get_ydata() for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 2]
    for way in result["ways"]:
        assert any(np.allclose(curve, way["accuracies"]) for curve in drawn)
    assert [text for text in texts(figure) if text == "guessing"]


def test_levels_stand_above_their_columns() -> None:
    figure = draw("denoising", denoising(6, 2, 1, 8, 8))["pictures"]
    assert {f"{level:g}" for level in LEVELS} <= set(texts(figure))
    assert len(figure.findobj(AxesImage)) == 6 * 2 * 2


def test_a_perfect_image_leaves_the_scale_readable() -> None:
    figure = draw("denoising", denoising(6, 1, 1, 8, 8))["quality"]
    assert figure.axes[0].get_ylim()[1] < 40


def test_anomalous_pictures_have_frames() -> None:
    result, arrays = anomaly(400, 1, 8, 8)
    marked = int(arrays["most_anomalous"].sum() + arrays["least_anomalous"].sum())
    assert frames(draw("anomaly", (result, arrays))["extremes"]) == marked > 0


def test_the_threshold_comes_with_its_rates() -> None:
    figure = draw("anomaly", anomaly(400, 1, 8, 8))["errors"]
    assert any("60.0% of anomalies" in text and "5.0% of normal" in text for text in texts(figure))


def test_samples_taken_for_another_class_have_frames() -> None:
    result, arrays = samples(40, 1, 8, 8, classes=4)
    wrong = int((arrays["pictures_asked"] != arrays["pictures_said"]).sum())
    assert frames(draw("samples", (result, arrays))["pictures"]) == wrong > 0


def test_the_quality_of_samples_comes_with_the_classifiers_hash() -> None:
    figure = draw("samples", samples(4, 1, 8, 8))["quality"]
    assert any("5c9b5c9b5c9b" in text for text in texts(figure))


def test_variables_are_named_by_their_numbers() -> None:
    result, arrays = latent(2, 4, 3, 1, 8, 8)
    result["order"] = [7, 0, 4]
    shown = texts(draw("latent", (result, arrays))["traversals"])
    assert {"variable 7", "variable 0", "variable 4", "−3"} <= set(shown)


def test_every_seed_is_a_mark_and_classes_with_few_images_come_first() -> None:
    result, _ = recall(2, 3, "a", "b", "c", halved=["c"])
    ax = draw("recall", (result, {}))["recall"].axes[0]
    drawn = {float(x) for line in ax.get_lines() for x in np.asarray(line.get_xdata())}
    assert {row[name] for row in result["rows"] for name in "abc"} <= drawn
    labels = ax.get_yticklabels()
    assert [tick.get_text() for tick in labels] == ["c", "a", "b"]
    assert labels[0].get_fontweight() == "bold" != labels[1].get_fontweight()


def test_what_was_mended_is_shown_below_what_was_given() -> None:
    from report_examples import denoiser

    figures = draw("reconstruction", denoiser(3, 1, 8, 8))
    assert {"original", "given", "mended", "difference"} <= set(texts(figures["mended"]))
    assert {"original", "rebuilt", "difference"} <= set(texts(figures["reconstructions"]))
