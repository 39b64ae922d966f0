"""Everything a run holds, drawn into RUN/report/ as small PNG files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from latens import catalog
from latens.progress import Progress, silent
from latens.report import style
from latens.runs import atomic

DPI = 160
DPI_OF_PHOTOGRAPHS = 110  # in full colour they would be megabytes
COLOURS = 256
SMOOTH = 2.0  # root mean square in levels of 255 up to which fewer colours are not seen
Result = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


class RunLike(Protocol):
    """What a report asks of a run folder; `latens.runs.folder.RunFolder` has it."""

    @property
    def path(self) -> Path: ...
    @property
    def report_dir(self) -> Path: ...
    def spec(self) -> dict[str, Any]: ...
    def environment(self) -> dict[str, Any]: ...
    def metrics(self) -> list[dict[str, Any]]: ...
    def results(self) -> list[str]: ...
    def split(self) -> dict[str, npt.NDArray[Any]]: ...
    def result(self, name: str) -> Result: ...


@dataclass(frozen=True)
class Drawing:
    """A figure on disk: which result it shows, its name, what it means, its size in inches."""

    result: str
    name: str
    path: Path
    caption: str
    pictures: bool
    inches: tuple[float, float]


def save(run: RunLike, progress: Progress = silent) -> list[Drawing]:
    """Draw all that the run holds; the files are RUN/report/<result>-<figure>.png.

    A file is complete or not there: it is written under another name and moved. Raises
    `TrainingError` (``disk-full``, ``not-writable``) where the disk does not take it.
    """
    held = {name: result for name, result in gather(run).items() if kind(name)}
    drawings: list[Drawing] = []
    for done, (name, (result, arrays)) in enumerate(held.items()):
        progress("drawing", done, len(held))
        plot = catalog.load("report.plots", kind(name))
        for key, figure in plot.draw(result, arrays).items():
            drawings.append(_save(run.report_dir, name, key, figure, plot))
    progress("drawing", len(held), len(held))
    return drawings


def kind(name: str) -> str:
    """How a result is drawn: "reconstruction-test" as "reconstruction"; empty if it is not."""
    known = catalog.names("report.plots")
    while name and name not in known:
        name = name.rpartition("-")[0]
    return name


def gather(run: RunLike) -> dict[str, Result]:
    """All results by name; the metrics records are those of *training*, finished or not."""
    held: dict[str, Result] = {name: run.result(name) for name in run.results()}
    records = run.metrics()
    if records:
        result, arrays = held.get("training", ({}, {}))
        held["training"] = ({**result, "records": records}, arrays)
    return held


def _save(folder: Path, result: str, key: str, figure: Figure, plot: ModuleType) -> Drawing:
    path = folder / f"{result}-{key}.png"
    width, height = (float(side) for side in figure.get_size_inches())
    content = png(figure)
    atomic.write(path, lambda file: file.write(content))
    pictures = key in getattr(plot, "PICTURES", ())
    return Drawing(result, key, path, plot.CAPTIONS[key], pictures, (width, height))


def png(figure: Figure) -> bytes:
    """A figure as PNG: 256 colours and fine, or full colour and coarser where they are seen."""
    full = _render(figure, DPI)
    small = full.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    alike = _distance(full, small.convert("RGB")) <= SMOOTH
    out = io.BytesIO()
    best = small if alike else _render(figure, DPI_OF_PHOTOGRAPHS)
    best.save(out, format="PNG", optimize=True)
    return out.getvalue()


def _render(figure: Figure, dpi: int) -> Image.Image:
    raw = io.BytesIO()
    with style.look():
        figure.savefig(raw, format="png", dpi=dpi)
    return Image.open(raw).convert("RGB")


def _distance(one: Image.Image, other: Image.Image) -> float:
    gap = np.asarray(one, dtype=np.float32) - np.asarray(other, dtype=np.float32)
    return float(np.sqrt(np.square(gap).mean()))
