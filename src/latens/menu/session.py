"""One sitting: whom it talks to, which images, what was trained so far and where that lies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from latens.errors import Interrupted, LatensError, RunError, TrainingError
from latens.menu.numbers import Numbers
from latens.menu.talk import Lines, Say
from latens.progress import Progress, silent
from latens.runs import commands
from latens.runs.folder import RunFolder

if TYPE_CHECKING:
    from latens.train.records import Observer

T = TypeVar("T")


class Watch(Protocol):
    """Who draws bars while something trains or counts, and says lines meanwhile."""

    @property
    def observer(self) -> Observer: ...
    @property
    def progress(self) -> Progress: ...
    @property
    def tell(self) -> Say: ...


class Nobody:
    """Draws and says nothing."""

    @staticmethod
    def observer(record: object) -> None:
        """Go on."""

    @staticmethod
    def tell(line: str) -> None:
        """Say nothing."""

    progress = staticmethod(silent)


@contextmanager
def quietly() -> Iterator[Watch]:
    """Work without bars."""
    yield Nobody()


def hearing(watch: Watch) -> tuple[list[str], dict[str, Any]]:
    """Who is told what while a use case runs, as its keyword arguments; and all lines so told."""
    told: list[str] = []

    def tell(line: str) -> None:
        line = in_questions(line)
        told.append(line)
        watch.tell(line)

    return told, {"observers": [watch.observer], "progress": watch.progress, "tell": tell}


def in_questions(text: str) -> str:
    """A line of a training without flags: here one answers questions.

    >>> in_questions("Train longer (--epochs 6); if that is not enough, ...")
    'Train longer (6 epochs); if that is not enough, ...'
    """
    text = re.sub(r"\(--epochs (\d+)\)", r"(\1 epochs)", text)
    return text.replace(
        "Choose a smaller --latent.", "Choose fewer filters, or begin with --latent 64."
    )


@dataclass(frozen=True)
class Model:
    """A trained or loaded model: its run, its hyper-parameters, what came out on validation."""

    name: str
    run: Path
    task: str
    numbers: Numbers
    scores: dict[str, float]


@dataclass
class Session:
    """What every dialogue needs.

    Attributes:
        talk: questions and answers.
        data: the images, as one names them to `latens pretrain`.
        folder: where the models and plots of this sitting go.
        options: further keyword arguments of every training.
        split: fields of the data's spec that say how images are divided, such as `test_fraction`.
        working: gives a `Watch` for the time of one piece of work.
        windows: whether pictures may be opened on a display.
        models: in the order in which they came.
        following: the command to type after the session, where the dialogue knows one.
    """

    talk: Lines
    data: str
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    working: Callable[[], AbstractContextManager[Watch]] = quietly
    windows: bool = False
    models: list[Model] = field(default_factory=list)
    following: str = ""

    def say(self, text: str) -> None:
        """Tell something."""
        self.talk.say(text)

    def free(self, name: str = "model") -> Path:
        """The first path such as FOLDER/model-3 at which there is nothing."""
        number = 1
        while (self.folder / f"{name}-{number}").exists():
            number += 1
        return self.folder / f"{name}-{number}"

    def add(self, run: Path, task: str, numbers: Numbers, scores: dict[str, float]) -> Model:
        """Add a model under the name of its folder, or its whole path where that is taken."""
        taken = {model.name for model in self.models}
        name = str(run) if run.name in taken else run.name
        model = Model(name, run, task, numbers, scores)
        self.models.append(model)
        return model

    def of(self, task: str) -> list[Model]:
        """The models of a task, "pretrain" or "classify"."""
        return [model for model in self.models if model.task == task]

    def attempt(self, action: Callable[[], T]) -> T | None:
        """Do something; what goes wrong is told, and the session goes on with None."""
        try:
            return action()
        except Interrupted:
            raise
        except LatensError as error:
            self.talk.tell(error)
        except (MemoryError, RuntimeError) as error:
            if not (isinstance(error, MemoryError) or _out_of_memory(error)):
                raise
            self.talk.tell(_NO_MEMORY)
        return None

    def hold(self, dialogue: Callable[[], None]) -> None:
        """Go through a dialogue. However it ends, it is said where everything lies.

        The end of input ends it like a choice. Ctrl-C raises `Interrupted`.
        """
        try:
            dialogue()
        except EOFError:
            self.say("\nEnd of input.")
        except KeyboardInterrupt:
            self.say("")
            raise Interrupted("Stopped.", hint="Everything trained so far is kept.") from None
        finally:
            self._farewell()

    def _farewell(self) -> None:
        unfinished = [run for run in sorted(self.folder.glob("model-*")) if _is_unfinished(run)]
        trained = [model for model in self.models if model.run.parent == self.folder]
        kept = [f"  {model.name}: {model.run}" for model in trained]
        if kept:
            self.say("\n".join(["", "Everything trained is kept:", *kept]))
        for run in unfinished:
            go_on = commands.resume(run, RunFolder.open(run).spec())
            self.say(f"{run.name} was stopped on its way; go on with: {go_on}")


_NO_MEMORY = TrainingError(
    "Expected enough memory for the images and the network; it ran out.",
    hint="Choose fewer filters, layers or neurons, or a smaller batch size.",
    code="no-memory",
)


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says so, of the CPU's memory or a GPU's."""
    return any(words in str(error) for words in ("allocate memory", "out of memory"))


def _is_unfinished(path: Path) -> bool:
    try:
        return RunFolder.open(path).state == "unfinished"
    except RunError:
        return False


def menu(session: Session, heading: str, items: Sequence[tuple[str, Callable[[], bool]]]) -> None:
    """Show a menu again and again, until what was chosen gives True."""
    while True:
        place = session.talk.choose(heading, [text for text, _ in items])
        if session.attempt(items[place][1]):
            return
