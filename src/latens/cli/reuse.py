"""`latens evaluate` and `latens predict`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from latens.cli import options as o
from latens.cli.screen import Screen
from latens.cli.train import after_pretraining, show_errors, show_pca, teller
from latens.errors import DataError, UsageError

MOST_SHOWN = 12


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command()(evaluate)
    app.command()(predict)


def evaluate(
    run: o.RunPath,
    data: Annotated[
        str | None, typer.Option(help="The images, if they have moved since the training.")
    ] = None,
    device: o.Device = "auto",
    json: o.Json = False,
) -> None:
    """Read the test images, once, when training is over. Training never does.

    Example:  latens evaluate runs/clf
    """
    screen = Screen(as_json=json)
    o.look_first(data, runs=[run])
    with screen.bars() as watch:
        from latens.app.evaluate import Evaluation
        from latens.app.evaluate import evaluate as evaluate_run

        result = evaluate_run(
            run, data, device=device, progress=watch.progress, tell=teller(screen)
        )
    screen.document(result.to_dict())
    if isinstance(result, Evaluation):
        _show_classifier(screen, result)
        screen.next(f"latens predict {quote(str(run))} PICTURE.png")
    else:
        show_errors(screen, "Test error", result.mse, result, "reconstruction-test")
        show_pca(screen, result)
        screen.plain(f"Report: {result.page}")
        screen.next(after_pretraining(result.run))


def _show_classifier(screen: Screen, result: Any) -> None:
    from latens.report import text

    right = round(result.accuracy * result.images)
    screen.say(
        f"Test accuracy [bold]{result.accuracy:.2%}[/bold]: {right:,} of {result.images:,} right, "
        f"{result.images - right:,} wrong; loss {result.loss:.4f}"
    )
    screen.plain(text.classification_report(result.report))
    if len(result.classes) <= MOST_SHOWN:
        screen.plain(text.confusion(result.confusion, result.classes))
    else:
        screen.plain(text.mistakes(result.confusion, result.classes))
    screen.plain(
        f"Calibration: ECE {result.ece:.4f}, Brier {result.brier:.4f}, "
        f"NLL {result.nll:.4f} (probabilities no smaller than 1e-7)"
    )
    screen.findings(result.findings)
    screen.plain(f"Report with right and wrong pictures: {result.page}")


def predict(
    run: o.RunPath,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Pictures, or folders of them.")
    ],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    device: o.Device = "auto",
    json: o.Json = False,
) -> None:
    """Classify your own pictures.

    Those that cannot be read are named at the end, and the exit code is 3.

    Example:  latens predict runs/clf photo.png more-photos/ --csv
    """
    if json and as_csv:
        raise UsageError(
            "Expected one of --json and --csv; got both.", hint="Leave one out.", code="two-forms"
        )
    screen = Screen(as_json=json or as_csv)
    o.look_first(runs=[run])
    with screen.bars() as watch:
        from latens.app.predict import predict as predict_pictures

        bad: dict[str, str] = {}
        found = predict_pictures(
            run, files, device=device, refused=bad.__setitem__, progress=watch.progress
        )
    if json:
        screen.document([prediction.to_dict() for prediction in found])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["file", "label", "confidence", *found[0].probabilities])
        for prediction in found:
            numbers = [f"{p:.6f}" for p in prediction.probabilities.values()]
            writer.writerow([prediction.file, prediction.label, prediction.confidence, *numbers])
    else:
        rows = [[p.file, p.label, f"{p.confidence:.1%}"] for p in found]
        screen.table("", ["file", "class", "confidence"], rows, right=("confidence",))
    _refuse(screen, bad)


def _refuse(screen: Screen, bad: dict[str, str]) -> None:
    """End with the code of bad data if some pictures could not be read, the others being told."""
    for file, why in bad.items():
        screen.error(
            DataError(f"Expected a readable picture; {file} is none: {why}.", code="unreadable")
        )
    if bad:
        raise typer.Exit(DataError.exit_code)
