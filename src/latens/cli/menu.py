"""`latens autoencoder`, `latens classification` and `latens menu`: sessions of questions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latens.app.settings import (
    ClassifyOptions,
    NetworkOptions,
    PretrainOptions,
    TrainingOptions,
    table,
)
from latens.cli import options as o
from latens.cli.screen import Screen
from latens.cli.spoken import Spoken
from latens.cli.train import teller
from latens.errors import UsageError

if TYPE_CHECKING:
    from latens.app.telling import Tell
    from latens.data.image_set import ImageSet
    from latens.menu.session import Session, Watch
    from latens.menu.talk import Lines
    from latens.progress import Progress
    from latens.train.records import Observer

ASKED = ("conv_layers", "kernel_size", "filters", "epochs", "batch_size")
ON_TOP = ("epochs", "batch_size", "hidden", *table(NetworkOptions))
RUNS = Path("runs")

Images = Annotated[
    str, typer.Option("-d", metavar="FILE", help="Training images: IDX, or any DATA.")
]
Folder = Annotated[
    Path | None, typer.Option("--out", help="Where models and plots go.", show_default="runs/…")
]
Report = Annotated[
    int, typer.Option(min=1, max=2, help="Ask in the order of report 1 or of report 2.")
]
Labels = Annotated[str | None, typer.Option("-dl", metavar="FILE", help="Their labels.")]
Test = Annotated[str | None, typer.Option("-t", metavar="FILE", help="Test images.")]
TestLabels = Annotated[str | None, typer.Option("-tl", metavar="FILE", help="Their labels.")]
Encoder = Annotated[
    str, typer.Option("-model", metavar="MODEL", help="An autoencoder: a run, .h5 or .keras.")
]
Layers = Annotated[int, typer.Option(min=1, max=8, help="Fully connected layers in the head.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command()(autoencoder)
    app.command()(classification)
    app.command()(menu)


@o.takes(PretrainOptions, without=ASKED)
def autoencoder(d: Images, report: Report = 1, out: Folder = None, **asked: Any) -> None:
    """Questions and a numbered menu: train, plot, save and load autoencoders.

    The five numbers of a network are asked for; everything else has options
    as latens pretrain has. Answers may come from a pipe.

    Example:  latens autoencoder -d train-images-idx3-ubyte
    """
    screen, given = Screen(as_json=False), o.given(asked, PretrainOptions)
    images = _look(screen, d, given)
    from latens.menu.autoencoder import Autoencoder

    session = _session(screen, d, out or _free("autoencoder"), given)
    if images.test_start is None and _is_idx(d):  # a training set, as the reports have it
        session.split["test_fraction"] = 0
    Autoencoder(session, report).hold()
    _after(screen, session)


@o.takes(ClassifyOptions, without=ON_TOP)
def classification(
    d: Images,
    model: Encoder,
    dl: Labels = None,
    t: Test = None,
    tl: TestLabels = None,
    report: Report = 1,
    fc_layers: Layers = 1,
    out: Folder = None,
    **asked: Any,
) -> None:
    """A numbered menu: train, plot, test and load classifiers on an encoder.

    Epochs, batch size and neurons are asked for; everything else has options
    as latens classify has. Answers may come from a pipe.

    Example:  latens classification -d images -dl labels -model ae.h5
    """
    screen, given = Screen(as_json=False), o.given(asked, ClassifyOptions)
    data = _listed(d, dl, t, tl)
    images = _look(screen, data, given)
    from latens.data.split import require_classes
    from latens.menu.classification import Classification
    from latens.menu.files import opened

    if images.labels is None:
        raise UsageError(
            f"Expected -dl FILE with the labels of {d}; got none.",
            hint="Name the file of labels that belongs to these images.",
            code="unlabelled",
        )
    require_classes(images)
    session = _session(screen, data, out or _free("classification"), given)
    encoder = opened(session, model, "pretrain", "autoencoder")
    Classification(session, encoder, report, fc_layers).hold()
    _after(screen, session)


@o.takes(TrainingOptions, without=ASKED)
def menu(data: o.Data = None, out: Folder = None, **asked: Any) -> None:
    """Everything in one menu, with arrow keys; it shows the plain commands too.

    Example:  latens menu digits
    """
    screen, given = Screen(as_json=False), o.given(asked, TrainingOptions)
    talk = _talk(screen, arrows=True)
    from latens.menu.friendly import Friendly

    data = data or _which(talk)
    images = _look(screen, data, given)
    session = _session(screen, data, out or _free("menu"), given, talk)
    Friendly(session, labelled=images.labels is not None).hold()
    _after(screen, session)


@dataclass(frozen=True)
class _Watch:
    """Bars, and lines above them; lines alone in a pipe."""

    observer: Observer
    progress: Progress
    tell: Tell


def _session(
    screen: Screen, data: str, folder: Path, given: dict[str, Any], talk: Lines | None = None
) -> Session:
    from latens.menu.plots import display
    from latens.menu.session import Session

    @contextmanager
    def working() -> Iterator[Watch]:
        with screen.bars() as watch:
            observer = watch.observer if screen.err.is_terminal else Spoken(screen.plain)
            yield _Watch(observer, watch.progress, teller(screen))

    windows = screen.out.is_terminal and display()
    spoken = talk or _talk(screen)
    return Session(spoken, data, folder, given, working=working, windows=windows)


def _talk(screen: Screen, *, arrows: bool = False) -> Lines:
    """A talk with whoever answers; with arrow keys where that is a person at a terminal."""
    if arrows and sys.stdin and sys.stdin.isatty() and screen.out.is_terminal:
        from latens.menu.arrows import Arrows

        return Arrows(screen.plain)
    from latens.menu.talk import Lines

    return Lines(_ask, screen.plain)


def _ask(prompt: str) -> str:
    """A line from standard input; one that was piped is shown, as one that is typed is."""
    if sys.stdin is None:
        raise EOFError
    if sys.stdin.isatty():
        return input(prompt)
    sys.stdout.write(prompt)
    sys.stdout.flush()
    line = sys.stdin.readline()
    sys.stdout.write(line if line.endswith("\n") else f"{line}\n")
    if not line:
        raise EOFError
    return line


def _which(talk: Lines) -> str:
    """The name or path of images, once there are such."""
    from latens.data.names import find

    def read(answer: str) -> str:
        find(answer)
        return answer

    try:
        return talk.until(
            "Which images? A name as in 'latens data list', or a path", read, "digits"
        )
    except EOFError:
        raise typer.Exit from None


def _look(screen: Screen, data: str, given: dict[str, Any]) -> ImageSet:
    """Read the images once before anything is asked, so that what is wrong is told first."""
    from latens.data.load import load

    converted = {name: given.get(name) for name in ("size", "channels", "keep")}
    with screen.bars() as watch:
        images = load(data, **converted, progress=watch.progress)
    _, height, width = images.shape
    classes = f", {len(images.class_names)} classes" if images.class_names else ""
    test = f", {len(images) - images.train_count:,} of them to test" if images.test_start else ""
    screen.plain(f"{images.name}: {len(images):,} images of {height}x{width}{classes}{test}")
    return images


def _listed(d: str, dl: str | None, t: str | None, tl: str | None) -> str:
    """The images that the four options mean together."""
    if bool(t) != bool(tl) or (t and not dl):
        raise UsageError(
            "Expected -d and -dl, and -t and -tl together; got one without the other.",
            hint="Name all four files, or with -d alone a set that has labels and a test part.",
            code="missing-file",
        )
    from latens.data.listed import shortest

    return shortest([name for name in (d, dl, t, tl) if name]) if dl else d


def _is_idx(data: str) -> bool:
    from latens.data.sources import idx

    return Path(data).is_file() and idx.sniff(Path(data))


def _free(name: str) -> Path:
    """The first free name such as runs/autoencoder-2."""
    number = 1
    while (RUNS / f"{name}-{number}").exists():
        number += 1
    return RUNS / f"{name}-{number}"


def _after(screen: Screen, session: Session) -> None:
    """The command to type next; the same session again where nothing came of it."""
    listing = f"latens runs list --root {quote(str(session.folder))}"
    again = join(["latens", *sys.argv[1:]])
    screen.next(session.following or (listing if session.models else again))
