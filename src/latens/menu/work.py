"""Training in a session: the use cases that plain commands run, and those commands to read."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

from latens.menu.numbers import NETWORK, Numbers
from latens.menu.session import Model, Session, hearing, in_questions

READY = "loading torch and the images"


def train_autoencoder(session: Session, numbers: Numbers) -> Model:
    """Train an autoencoder with these hyper-parameters and add it to the session's models."""
    asked = {**session.options, **numbers}
    divided = {f"data.{field}": value for field, value in session.split.items()}
    if divided:
        asked["overrides"] = {**divided, **asked.get("overrides", {})}
    out = session.free()
    with session.working() as watch:
        watch.progress(READY, 0, 1)
        from latens.app.pretrain import pretrain

        watch.progress(READY, 1, 1)
        told, hears = hearing(watch)
        result = pretrain(session.data, out=out, **hears, **asked)
    scores = {"val_mse": result.val_mse, "seconds": result.train_seconds}
    session.say(
        f"Validation error {result.val_mse:.5f} (mean squared, pixels from 0 to 1), "
        f"PSNR {result.psnr:.1f} dB"
    )
    say_findings(session, result.findings, told)
    return _added(session, "pretrain", out, numbers, scores, asked)


def train_classifier(
    session: Session, numbers: Numbers, encoder: Path | None, **more: Any
) -> Model:
    """Train a classifier and add it to the session's models.

    With an `encoder` it is two-phase, and each of the two phases has all the epochs that were
    asked for. `more` are keyword arguments of `latens.classify`.
    """
    epochs, hidden = numbers["epochs"], (numbers["neurons"],) * numbers.get("fc_layers", 1)
    asked = {**session.options, **more, "batch_size": numbers["batch_size"], "hidden": hidden}
    asked["epochs"] = epochs
    if encoder is not None:
        asked |= {"encoder": str(encoder), "mode": "two-phase", "epochs": 2 * epochs}
        each = {f"phases.{phase}.epochs": epochs for phase in (0, 1)}
        asked["overrides"] = {**each, **asked.get("overrides", {})}
    out = session.free()
    with session.working() as watch:
        watch.progress(READY, 0, 1)
        from latens.app.classify import classify

        watch.progress(READY, 1, 1)
        told, hears = hearing(watch)
        result = classify(session.data, out=out, **hears, **asked)
    from latens.runs.folder import RunFolder

    val = RunFolder.open(out).result("training")[0]["val"]
    session.say(f"Validation accuracy {result.val_accuracy:.2%}, loss {val['loss']:.4f}")
    say_findings(session, result.findings, told)
    scores = {
        "val_accuracy": result.val_accuracy, "val_loss": val["loss"],
        "seconds": result.train_seconds,
    }  # fmt: skip
    return _added(session, "classify", out, numbers, scores, asked)


def say_findings(session: Session, findings: list[dict[str, str]], told: list[str]) -> None:
    """Say the findings that were not `told` before."""
    for finding in findings:
        line = in_questions(f"{finding['severity'].capitalize()}: {finding['message']}")
        if line not in told:
            session.say(line)


def _added(
    session: Session,
    task: str,
    out: Path,
    numbers: Numbers,
    scores: dict[str, float],
    asked: dict[str, Any],
) -> Model:
    model = session.add(out, task, numbers, scores)
    session.say(f"{model.name} is kept in {out}; its page: {out / 'report' / 'index.html'}")
    session.say(f"The same without a menu: {command(task, session.data, asked)}")
    return model


def command(task: str, data: str, asked: dict[str, Any]) -> str:
    """The plain command that trains the same: `latens pretrain DATA --epochs 5 ...`."""
    from latens.report.next_step import flags

    network = {name: asked[name] for name in NETWORK if name in asked}
    rest = {name: value for name, value in asked.items() if name not in network}
    listed = {name: list(v) if isinstance(v, tuple) else v for name, v in rest.items()}
    return f"latens {task} {quote(data)}{flags({**network, **listed})}"
