"""The reports' autoencoder: `latens autoencoder -d FILE`.

five questions (`latens.menu.numbers`), training, then again and again
1  repeat the experiment with different hyperparameters: the five questions
2  plots: curves of the last model, all models in parallel coordinates
3  save the last model to a path (asked for) and exit
4  load a pre-trained model: its path, and the five questions again, which one Enter skips
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from latens.data import listed
from latens.menu import files, numbers, plots, work
from latens.menu.session import Session, menu
from latens.runs.folder import RunFolder

TASK = "pretrain"
HEADING = "Experiment completed! Choose one of the following options to proceed:"


@dataclass
class Autoencoder:
    """The dialogue; `report` is the report, 1 or 2, in whose order it asks."""

    session: Session
    report: int = 1

    def hold(self) -> None:
        """From the first question to the end."""
        self.session.hold(self._dialogue)

    def _dialogue(self) -> None:
        while not self.session.models:  # numbers that make no network are asked for again
            self.repeat()
        menu(
            self.session,
            HEADING,
            [
                ("Repeat the experiment with different hyperparameters", self.repeat),
                ("Print the plots gathered from the experiment", self.plot),
                ("Save the model and exit", self.save),
                ("Load a pre-trained model", self.load),
            ],
        )

    def repeat(self) -> bool:
        """Ask for the hyper-parameters and train."""
        asked = numbers.ask(self.session.talk, numbers.AUTOENCODER[self.report])
        self.session.attempt(lambda: work.train_autoencoder(self.session, asked))
        return False

    def plot(self) -> bool:
        """Write the plots."""
        plots.draw(self.session, TASK)
        return False

    def save(self) -> bool:
        """Save the last model; True once it is saved."""
        model = self.session.models[-1]
        question = "Give the path to save the model (a new folder, or a file ending in .h5)"
        saved = self.session.talk.path(question, lambda p: files.save(self.session, model, p))
        if saved is not None:
            self.session.following = _classify(self.session.data, saved)
        return saved is not None

    def load(self) -> bool:
        """Load a model and look whether the answers agree with it."""
        session = self.session
        run = session.talk.path(
            "Give the name of the saved model", lambda p: files.opened(session, p, TASK)
        )
        if run is not None:
            known = numbers.of(RunFolder.open(run))
            order = numbers.AUTOENCODER[self.report]
            files.load(session, run, TASK, numbers.compare(session.talk, order, known))
        return False


def _classify(data: str, model: Path) -> str:
    """The classifier on a saved model; empty where nothing tells which labels belong to the images.

    The reports' programs are given a file of images: labels of MNIST's names lie beside it.
    """
    named = [data]
    if Path(data).is_file():
        named = listed.beside(data)
    if not named:
        return ""
    images, *labels = named
    more = f" -dl {quote(labels[0])}" if labels else ""
    return f"latens classification -d {quote(images)}{more} -model {quote(str(model))}"
