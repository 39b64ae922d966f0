"""The reports' classifier: `latens classification -d … -dl … -t … -tl … -model FILE`.

    1  choose hyper-parameters (`latens.menu.numbers`), train the head, then all layers
    2  plots: curves of the last model, all models in parallel coordinates
    3  predict the test set with a model that is chosen from a list, and exit
    4  load a pre-trained classifier: its path, and the questions again, which one Enter skips

Report 2's program asks and trains before there is a menu; it names no numbers for what follows,
so that they are those of report 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latens.menu import files, numbers, plots, testing, work
from latens.menu.session import Session, menu
from latens.runs.folder import RunFolder

TASK = "classify"
HEADING = "Choose one of the following options to proceed:"


@dataclass
class Classification:
    """The dialogue about classifiers on the `encoder` of an autoencoder's run.

    `report` is the report, 1 or 2, in whose order it asks; `fc_layers` is the number of fully
    connected layers where it is not asked for.
    """

    session: Session
    encoder: Path
    report: int = 1
    fc_layers: int = 1

    def hold(self) -> None:
        """From the first question or menu to the end."""
        self.session.hold(self._dialogue)

    def _dialogue(self) -> None:
        while self.report == 2 and not self.session.models:
            self.train()
        menu(
            self.session,
            HEADING,
            [
                ("Choose hyper-parameters for the next model's training", self.train),
                ("Print the plots gathered from the experiment", self.plot),
                ("Predict the test set using one of the trained models and exit", self.predict),
                ("Load a pre-trained classifier", self.load),
            ],
        )

    def train(self) -> bool:
        """Ask for the hyper-parameters and train in two phases."""
        session = self.session
        asked = numbers.ask(session.talk, numbers.CLASSIFIER[self.report])
        network = {name: asked.pop(name) for name in numbers.NETWORK if name in asked}
        numbers.settled(session.talk, network, numbers.network(RunFolder.open(self.encoder)))
        asked.setdefault("fc_layers", self.fc_layers)
        session.attempt(lambda: work.train_classifier(session, asked, self.encoder))
        return False

    def plot(self) -> bool:
        """Write the plots."""
        plots.draw(self.session, TASK)
        return False

    def predict(self) -> bool:
        """Let a model be chosen and read the test images with it; True when that is done."""
        return testing.predict(self.session)

    def load(self) -> bool:
        """Load a classifier and look whether the answers agree with it."""
        session = self.session
        run = session.talk.path(
            "Give the name of the saved model", lambda p: files.opened(session, p, TASK)
        )
        if run is not None:
            known = numbers.of(RunFolder.open(run))
            order = [n for n in numbers.CLASSIFIER[self.report] if n not in numbers.NETWORK]
            files.load(session, run, TASK, numbers.compare(session.talk, order, known))
        return False
