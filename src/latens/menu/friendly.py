"""`latens menu`: everything that the reports' two programs do, in one menu of one's own choice.

    train an autoencoder, train a classifier, plots, test a classifier, save, load, leave

Each question has an answer that Enter takes, and after each training the plain command is shown
that does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from latens.menu import files, numbers, plots, testing, work
from latens.menu.session import Model, Session, menu
from latens.runs.folder import RunFolder

TASKS = ("pretrain", "classify")
DEFAULTS = {
    "conv_layers": 10, "kernel_size": 3, "filters": 32, "epochs": 5, "batch_size": 128,
    "neurons": 100,
}  # fmt: skip


@dataclass
class Friendly:
    """The dialogue; `labelled` says whether the images have classes."""

    session: Session
    labelled: bool
    tests: int = 0

    def hold(self) -> None:
        """From the first menu to the end."""
        self.session.hold(self._dialogue)

    def _dialogue(self) -> None:
        classify = [("Train a classifier", self.classifier)] if self.labelled else []
        test = [("Test a classifier on the test images", self.test)] if self.labelled else []
        menu(
            self.session,
            "What would you like to do?",
            [
                ("Train an autoencoder", self.autoencoder),
                *classify,
                ("Draw the plots", self.plot),
                *test,
                ("Save a model", self.save),
                ("Load a model", self.load),
                ("Leave", lambda: True),
            ],
        )

    def autoencoder(self) -> bool:
        """Ask whether latens chooses the network, then for what is left to ask, and train."""
        whose = self.session.talk.choose(
            "Which network?", ["latens' own, quick", "One of the reports' kind: choose its numbers"]
        )
        order = numbers.AUTOENCODER[1]
        names = order if whose else [name for name in order if name not in numbers.NETWORK]
        asked = numbers.ask(self.session.talk, names, DEFAULTS)
        work.train_autoencoder(self.session, asked)
        return False

    def classifier(self) -> bool:
        """Ask for an encoder and the hyper-parameters, and train."""
        encoders = self.session.of("pretrain")
        place = self.session.talk.choose(
            "Which encoder?",
            ["None: train from scratch", *(_line(m) for m in encoders), "Load another one"],
        )
        if place > len(encoders):
            before = len(encoders)
            self._load("pretrain")
            encoders = self.session.of("pretrain")
            if len(encoders) == before:
                return False
        asked = numbers.ask(self.session.talk, numbers.CLASSIFIER[1], DEFAULTS)
        encoder = encoders[place - 1].run if place else None
        work.train_classifier(self.session, asked, encoder)
        return False

    def plot(self) -> bool:
        """Write the plots of all models, kind by kind."""
        for task in [task for task in TASKS if self.session.of(task)] or TASKS[:1]:
            plots.draw(self.session, task)
        return False

    def test(self) -> bool:
        """Read the test images with a model that is chosen."""
        self.tests += testing.predict(self.session)
        if self.tests > 1:
            self.session.say(
                f"Note: the test images were read {self.tests} times now. Choose a model by its "
                "validation accuracy: the best of several on test looks better than it is."
            )
        return False

    def save(self) -> bool:
        """Choose a model and save it."""
        models, talk = self.session.models, self.session.talk
        if not models:
            self.session.say("There is no model yet: train or load one first.")
            return False
        model = models[talk.choose("Which model?", [_line(model) for model in models])]
        to = "Where to? A new folder, or a file that ends in .h5 or .keras"
        saved = talk.path(to, lambda path: files.save(self.session, model, path))
        if saved and files.is_keras(saved):
            self.session.say(
                "The same without a menu: "
                f"latens export {quote(str(model.run))} --to keras {quote(str(saved))}"
            )
        return False

    def load(self) -> bool:
        """Load a model of either kind."""
        if not self.labelled:
            return self._load("pretrain")
        place = self.session.talk.choose("What is it?", ["An autoencoder", "A classifier"])
        return self._load(TASKS[place])

    def _load(self, task: str) -> bool:
        run = self.session.talk.path(
            "Which one? A run folder, or a file that ends in .h5 or .keras",
            lambda path: files.opened(self.session, path, task),
        )
        if run is not None:
            files.load(self.session, run, task, numbers.of(RunFolder.open(run)))
        return False


def _line(model: Model) -> str:
    """A model in a list."""
    told = [numbers.words(model.numbers)]
    told += [f"{name.replace('_', ' ')} {value:.4g}" for name, value in model.scores.items()]
    return f"{model.name}: {', '.join(text for text in told if text)}"
