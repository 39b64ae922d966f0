"""Figures and pages of whole runs, through the real run folder."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from report_examples import EVIL, EXAMPLES, FINDINGS, TWO_PHASE, Example, records

from latens.errors import TrainingError
from latens.report import figures, headlines, text, words
from latens.report.build import build
from latens.report.page import Headline, Section, Table, write_page
from latens.runs.folder import RunFolder

SPEC = {"version": 1, "task": "pretrain", "data": {"source": "digits"}, "phases": [{"name": "x"}]}


class Page(HTMLParser):
    """Tags, attributes and words of a page; fails on anything that is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def make(path: Path, metrics: Any = (), spec: Any = None, **results: Example) -> RunFolder:
    run = RunFolder.create(path, spec or SPEC, {"python": "3.11", "threads": 2}, {})
    for record in metrics:
        run.append_metrics(record)
    for name, (result, arrays) in results.items():
        run.write_result(name, result, arrays)
    return run


CLASSIFY = {**SPEC, "task": "classify", "mode": "two-phase"}
RUNS: dict[str, dict[str, Any]] = {
    "untrained": {},
    "unfinished": {"metrics": records("autoencoder", 20, "mse", until=1)},
    "pretrained": {
        "metrics": records("autoencoder", 3, "mse"),
        "reconstruction": EXAMPLES["reconstruction"]["grey"],
        "training": ({"train_seconds": 9.3, "epochs": 3}, {}),
    },
    "classifier": {
        "metrics": TWO_PHASE,
        "spec": CLASSIFY,
        "training": ({"train_seconds": 9.3, "epochs": 15}, {}),
    },
    "evaluated": {
        "metrics": TWO_PHASE,
        "spec": CLASSIFY,
        "classification": EXAMPLES["classification"]["two classes"],
        "findings": (FINDINGS, {}),
    },
    "compared": {"comparison": EXAMPLES["comparison"]["usual"]},
}


@pytest.fixture(scope="module", autouse=True)
def coarse() -> Iterator[None]:
    """Coarse figures: these tests look at pages, not at dots."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DPI", 50)
        patch.setattr(figures, "DPI_OF_PHOTOGRAPHS", 50)
        yield


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    folder = tmp_path_factory.mktemp("runs")
    return {
        name: Page(build(make(folder / name, **parts)).read_text("utf-8"))
        for name, parts in RUNS.items()
    }


@pytest.mark.parametrize("name", RUNS)
def test_page_asks_for_nothing_from_anywhere(pages: dict[str, Page], name: str) -> None:
    html = pages[name].html
    assert not re.search(r"https?://|@import|url\(", html)
    for tag, attributes in pages[name].tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not {key for key in attributes if key.startswith("on")}
        for key in ("src", "href", "srcset", "poster"):
            assert (attributes.get(key) or "data:").startswith("data:")
    assert "default-src 'none'" in html


@pytest.mark.parametrize("name", RUNS)
def test_page_begins_with_one_number_and_one_sentence(pages: dict[str, Page], name: str) -> None:
    assert pages[name].count("h1") == 1
    assert re.search(
        r"<h1 .*?>\S+.*?</h1>\s*<p class=\"sentence\">[A-Z\d].*\.</p>", pages[name].html
    )


@pytest.mark.parametrize(
    ("name", "number", "command"),
    [
        ("untrained", "–", "latens pretrain --resume"),
        ("unfinished", "0.066", "latens pretrain --resume"),
        ("pretrained", "0.00077 MSE", "latens classify digits --encoder"),
        ("classifier", "95.60%", "latens evaluate"),
        ("evaluated", "79.2%", "latens predict"),
        ("compared", "+3.0 points", "latens pretrain digits"),
    ],
)
def test_each_kind_of_run_says_its_number_and_what_to_type(
    pages: dict[str, Page], name: str, number: str, command: str
) -> None:
    html = pages[name].html
    assert re.search(r"<h1 .*?>(.*?)</h1>", html)[1] == number  # type: ignore[index]
    assert re.search(rf'<pre data-prompt="\$ ">{command}.*</pre>', html)


@pytest.mark.parametrize("name", RUNS)
def test_pages_hold_each_figure_with_its_caption(pages: dict[str, Page], name: str) -> None:
    expected = {"untrained": 0, "unfinished": 1, "pretrained": 2, "classifier": 2}
    expected |= {"evaluated": 7, "compared": 2}
    assert pages[name].count("img") == pages[name].count("figcaption") == expected[name]
    assert all(a.get("alt") for tag, a in pages[name].tags if tag == "img")


def test_names_and_messages_of_users_are_escaped(pages: dict[str, Page]) -> None:
    assert "<script" not in pages["evaluated"].html
    assert EVIL in pages["evaluated"].text


def test_paths_are_escaped_and_quoted(tmp_path: Path) -> None:
    run = make(tmp_path / "<b> my run", **RUNS["pretrained"])
    page = Page(build(run).read_text("utf-8"))
    assert page.count("b") == 1  # the template's own, around the title
    assert "<b> my run'" in page.text


def test_findings_come_with_their_severity_the_gravest_first(pages: dict[str, Page]) -> None:
    found = re.findall(r'<p class="note (\w+)">', pages["evaluated"].html)
    assert found == ["error", "warning", "info"]


def test_per_class_table_has_scikit_learns_rows(pages: dict[str, Page]) -> None:
    text = re.sub(r"\s+", " ", pages["evaluated"].text)
    assert "class precision recall f1-score support" in text
    assert text.index("accuracy 0.792") < text.index("macro avg") < text.index("weighted avg")


def test_many_classes_are_folded(tmp_path: Path) -> None:
    run = make(tmp_path / "run", classification=EXAMPLES["classification"]["a hundred classes"])
    page = Page(build(run).read_text("utf-8"))
    assert "<summary>Precision, recall and F1 of the 100 classes</summary>" in page.html


def test_a_result_without_plots_appears_with_its_numbers(tmp_path: Path) -> None:
    run = make(tmp_path / "run", outlier_scores=({"auroc": 0.93, "note": "x"}, {}))
    text = re.sub(r"\s+", " ", Page(build(run).read_text("utf-8")).text)
    assert "Outlier scores auroc 0.93" in text


def test_a_command_can_be_given(tmp_path: Path) -> None:
    html = build(make(tmp_path / "run"), next_command="make <tea>").read_text("utf-8")
    assert ">make &lt;tea&gt;</pre>" in html


def test_a_comparison_folder_needs_no_spec(tmp_path: Path) -> None:
    run = make(tmp_path / "run", **RUNS["compared"])
    for name in ("spec.json", "environment.json"):
        (run.path / name).unlink()
    assert "+3.0 points" in build(run).read_text("utf-8")


def test_drawing_again_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    run = make(tmp_path / "run", **RUNS["pretrained"])
    build(run)
    build(run)
    assert sorted(path.name for path in run.report_dir.iterdir()) == [
        "index.html",
        "reconstruction-reconstructions.png",
        "training-loss.png",
    ]


def test_charts_are_small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DPI", 160)
    [drawing] = figures.save(make(tmp_path / "run", **RUNS["unfinished"]))
    with Image.open(drawing.path) as image:
        assert image.mode == "P"
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert drawing.path.stat().st_size < 30_000


def test_drawing_tells_how_far_it_is(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    run = make(tmp_path / "run", **RUNS["unfinished"])
    figures.save(run, lambda *call: calls.append(call))
    assert calls == [("drawing", 0, 1), ("drawing", 1, 1)]


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path / "run", **RUNS["unfinished"])

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("latens.runs.atomic.os.fsync", full)
    with pytest.raises(TrainingError, match="Expected room on the disk") as caught:
        build(run)
    assert caught.value.code == "disk-full"


def headline(*verdicts: str) -> Headline:
    rows = [
        {"verdict": v, "mode": "frozen", "labels": 50, "difference": 0.01 * (i + 1), "low": 0.0}
        for i, v in enumerate(verdicts)
    ]
    return headlines.headline({"comparison": ({"comparisons": rows}, {})}, {})


def test_no_benefit_is_said_as_plainly_as_a_gain() -> None:
    assert headline("no benefit", "no benefit").value == "No benefit"
    assert "showed no benefit in 2 of 2" in headline("no benefit", "no benefit").sentence
    assert headline("not shown", "not shown").value == "Not shown", "too few seeds to say no"
    assert "was not shown to help or hurt in 2 of 2" in headline("not shown", "not shown").sentence
    assert headline("loss", "no benefit").tone == "loss"
    mixed = headline("gain", "loss", "gain", "no benefit")
    assert mixed.value == "+3.0 points"
    assert "helped in 2, hurt in 1, showed no benefit in 1 of 4 comparisons" in mixed.sentence


def test_an_autoencoder_worse_than_pca_is_not_praised() -> None:
    result = {"images": 10, "mse": 0.02, "pca_mse": 0.01, "code": 8}
    assert "no better" in headlines.headline({"reconstruction": (result, {})}, {}).sentence


@pytest.mark.parametrize("pca", [None, 0.0])
def test_a_code_that_could_copy_is_told(pca: float | None) -> None:
    result = {"images": 10, "mse": 0.02, "pca_mse": pca, "code": 64, "pixels": 64}
    sentence = headlines.headline({"reconstruction": (result, {})}, {}).sentence
    assert "64 numbers can copy the image" in sentence and "PCA" not in sentence


def test_a_page_can_be_written_by_hand(tmp_path: Path) -> None:
    table = Table(("name", "value"), (("a", "1"), (), ("b", "2")))
    out = write_page(
        "By hand",
        [Section("Numbers", tables=(table,)), Section("More", sentences=("Yes.",), fold=True)],
        tmp_path / "page.html",
        headline=Headline("42", "The answer."),
    )
    page = Page(out.read_text("utf-8"))
    assert page.count("tr") == 4 and page.count("details") == 1


def test_validation_and_test_of_an_autoencoder_stand_apart(tmp_path: Path) -> None:
    numbers, arrays = EXAMPLES["reconstruction"]["grey"]
    tested = {**numbers, "mse": 0.00123, "part": "test", "images": 77}
    run = make(tmp_path / "run", **RUNS["pretrained"], **{"reconstruction-test": (tested, arrays)})
    page = Page(build(run).read_text("utf-8"))
    assert "0.00123 MSE" in page.html and "on 77 test images" in page.text
    titles = re.findall(r"<h2>(.*?)</h2>", page.html)
    assert titles[:2] == ["Reconstruction of test images", "Reconstruction of validation images"]
    assert "0.00077" in page.text
    assert (run.report_dir / "reconstruction-test-reconstructions.png").is_file()


def test_a_finding_of_a_comparison_stands_once(tmp_path: Path) -> None:
    result, arrays = EXAMPLES["comparison"]["usual"]
    told = {"findings": [{"code": "few-seeds", "severity": "warning", "message": "Too few."}]}
    for name, more in (("with", {"findings": (told, {})}), ("without", {})):
        run = make(tmp_path / name, comparison=({**result, **told}, arrays), **more)
        assert Page(build(run).read_text("utf-8")).text.count("Too few.") == 1


def test_the_page_has_the_speed_that_the_command_printed(tmp_path: Path) -> None:
    metrics = records("autoencoder", 3, "mse")
    metrics[0]["images_per_second"] = 9000.0
    told = ({"train_seconds": 9.3, "epochs": 3, "images_per_second": 1234.0}, {})
    finished = make(tmp_path / "finished", metrics, training=told)
    unfinished = make(tmp_path / "unfinished", metrics)
    assert "1,234 images a second" in words_of(finished)
    assert "2,100 images a second" in words_of(unfinished), "the median of the epochs"


def test_a_missing_pca_has_its_reason(tmp_path: Path) -> None:
    numbers, arrays = EXAMPLES["reconstruction"]["grey"]
    without = {**numbers, "pca_mse": None, "pca_reason": "more than 3,100 pixels"}
    run = make(tmp_path / "run", reconstruction=(without, arrays))
    assert "PCA was not computed: more than 3,100 pixels." in words_of(run)


def words_of(run: RunFolder) -> str:
    """A page's words; numbers stand before what they are, as on the screen."""
    html = build(run).read_text("utf-8")
    swapped = re.sub(r"<dt>(.*?)</dt><dd>(.*?)</dd>", r"<dd>\2</dd> <dt>\1</dt>", html)
    return re.sub(r"\s+", " ", Page(swapped).text)


def test_a_denoiser_is_judged_by_what_it_mends(tmp_path: Path) -> None:
    numbers, arrays = EXAMPLES["reconstruction"]["denoiser"]
    numbers = {**numbers, "input_mse": 0.19}
    run = make(tmp_path / "run", reconstruction=(numbers, arrays))
    page = words_of(run)
    assert f"{words.number(numbers['noisy_mse'])} MSE" in page
    assert f"they were {words.number(numbers['input_mse'])} away" in page
    assert "error of corrupted images given back" in page
    assert "error of corrupted images as they came" in page
    assert text.objective(numbers).startswith("Error of corrupted images given back 0.")


def test_a_variational_one_is_judged_by_its_bound(tmp_path: Path) -> None:
    numbers, arrays = EXAMPLES["reconstruction"]["grey"]
    run = make(tmp_path / "run", reconstruction=({**numbers, "neg_elbo": 95.2, "kl": 25.0}, arrays))
    page = words_of(run)
    assert "95.2 nats" in page and "−ELBO" in page and "train longer" not in page
    assert "25 nats divergence of the code an image" in page
