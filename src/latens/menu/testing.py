"""The test images of a session, read once and with one model: the choice is made before."""

from __future__ import annotations

from shlex import quote
from typing import Any

from latens.menu.numbers import words
from latens.menu.session import Model, Session
from latens.menu.work import READY, say_findings


def predict(session: Session) -> bool:
    """Let one of the classifiers be chosen and show how it does on the test images.

    False where there is no classifier yet.
    """
    models = session.of("classify")
    if not models:
        session.say("There is no classifier yet: train or load one first.")
        return False
    chosen = session.talk.choose("Choose one of the models:", [_line(m) for m in models])
    model = models[chosen]
    with session.working() as watch:
        watch.progress(READY, 0, 1)
        from latens.app.evaluate import Evaluation, evaluate

        watch.progress(READY, 1, 1)
        result = evaluate(model.run, session.data, progress=watch.progress)
    assert isinstance(result, Evaluation)
    _show(session, model, result)
    say_findings(session, result.findings, [])
    session.following = f"latens predict {quote(str(model.run))} PICTURE.png"
    return True


def _line(model: Model) -> str:
    accuracy = model.scores["val_accuracy"]
    return f"{model.name}: {words(model.numbers)}; validation accuracy {accuracy:.2%}"


def _show(session: Session, model: Model, result: Any) -> None:
    """Loss, accuracy, counts, the report of all classes, and where the pictures are."""
    from latens.report.text import classification_report

    right = round(result.accuracy * result.images)
    report = {_class(name): row for name, row in result.report.items()}
    folder = model.run / "report"
    pictures = [folder / f"classification-{kind}.png" for kind in ("correct", "wrong", "confusion")]
    shown = [
        f"  {file}" for file in [*pictures, result.page] if file == result.page or file.exists()
    ]
    session.say(
        "\n".join(
            [
                f"Test loss: {result.loss:.4f}  Test accuracy: {result.accuracy:.4f}",
                f"Found {right} correct labels",
                f"Found {result.images - right} incorrect labels",
                "",
                classification_report(report),
                "Images that were classified correctly and incorrectly:",
                *shown,
                f"The same without a menu: latens evaluate {quote(str(model.run))}",
            ]
        )
    )


def _class(name: str) -> str:
    """Class 7 for a class that is called 7, as the reports print it."""
    return f"Class {name}" if name.isdigit() else name
