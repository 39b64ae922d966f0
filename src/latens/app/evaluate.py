"""Read the test part, once a training is over. Nothing else in latens reads it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latens.app.opening import data_of, require_finished, task_of
from latens.app.telling import Tell, mute, notes
from latens.app.training import load_trained, split_of, with_labels
from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.data.split import require_classes
from latens.errors import DataError
from latens.evaluation.autoencoder import reconstruction
from latens.evaluation.classification import classification, examples
from latens.evaluation.logits import class_logits
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.runs.folder import RunFolder
from latens.spec import RunSpec, parse
from latens.train.device import place


@dataclass(frozen=True)
class Evaluation:
    """A classifier on its test part.

    Attributes:
        run: the run's folder.
        accuracy: share of test images that are right, 0 to 1; `loss` and `nll` in nats.
        report: precision, recall, F1 and support a class, as scikit-learn's `output_dict`.
        confusion: counts, rows are true classes, columns predicted ones.
        ece, brier: calibration (Guo et al. 2017; Brier 1950).
        images: how many test images.
        findings: what is worth saying of run and test, `{"code", "severity", "message"}` each.
        page: the report, one self-contained HTML file.
    """

    run: str
    accuracy: float
    loss: float
    report: dict[str, Any]
    confusion: list[list[int]]
    ece: float
    nll: float
    brier: float
    images: int
    classes: list[str]
    findings: list[dict[str, str]]
    page: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


@dataclass(frozen=True)
class AutoencoderEvaluation:
    """An autoencoder on its test part: errors in [0, 1] units, PSNR in dB."""

    run: str
    mse: float
    psnr: float
    ssim: float
    code: int
    pixels: int
    pca_mse: float | None
    pca_reason: str
    images: int
    page: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


def evaluate(
    run: str | Path,
    data: Any = None,
    *,
    device: str = "auto",
    progress: Progress = silent,
    tell: Tell = mute,
) -> Evaluation | AutoencoderEvaluation:
    """Evaluate a finished run on its test part, and draw its report again.

    Args:
        run: the run's folder.
        data: the images again, where the run was made from arrays; for a run that was imported
            without images, those to evaluate it on.
        tell: called with a line at a time, such as ``print``, where the images had to be changed.

    Raises:
        UsageError: a comparison (its runs can be evaluated), or `data` is missing.
        RunError: no such run, not finished, or its data changed.
        DataError: the run has no test images.
    """
    folder = RunFolder.open(run)
    task_of(folder, "pretrain", "classify")
    require_finished(folder)
    spec = parse(RunSpec, folder.spec())
    images = data_of(folder, spec.data, data, progress)
    notes(images, tell)
    if spec.task == "classify" and not spec.data.source:
        require_classes(images)
    if not len(split_of(folder, spec, images).test):
        raise DataError(
            f"Expected test images; the split of {folder.path} has none.",
            hint="Train with a test part: an official one, or a fraction of the images.",
            code="no-test-part",
        )
    where = place(spec.train.model_copy(update={"device": device})).device
    if spec.task == "pretrain":
        return _autoencoder(folder, images, where, progress)
    return _classifier(folder, images, where, progress)


def classifier_result(
    folder: RunFolder, images: ImageSet, device: torch.device, progress: Progress = silent
) -> dict[str, Any]:
    """Compute and store the result "classification" of a run; returns its numbers."""
    spec, model = load_trained(folder, images)
    test = with_labels(images, split_of(folder, spec, images).test)
    assert images.labels is not None
    logits = class_logits(model.to(device), images, test, device, progress)
    labels = images.labels[test]
    values, arrays = classification(labels, logits, images.class_names)
    values |= _named(spec, images)
    right, wrong = examples(labels, arrays["probabilities"])
    for kind, chosen in (("correct", right), ("wrong", wrong)):
        arrays[f"{kind}_index"] = chosen  # places in the test part, as `labels` has it
        arrays[f"{kind}_images"] = np.asarray(images.images[test[chosen]])
    folder.write_result("classification", values, arrays)
    return values


def _classifier(
    folder: RunFolder, images: ImageSet, device: torch.device, progress: Progress
) -> Evaluation:
    values = classifier_result(folder, images, device, progress)
    told = _findings(folder, values)
    page = str(build_report(folder))
    fields = ("accuracy", "loss", "report", "confusion", "ece", "nll", "brier", "images", "classes")
    asked = {name: values[name] for name in fields}
    return Evaluation(run=str(folder.path), findings=told, page=page, **asked)


def _findings(folder: RunFolder, values: dict[str, Any]) -> list[dict[str, str]]:
    """What is to be said of the test, kept beside what the training found."""
    images = int(values["images"])
    found = run_checks(Context(measured=images, right=round(values["accuracy"] * images)))
    told = [finding.to_dict() for finding in found]
    held = folder.result("findings")[0]["findings"] if "findings" in folder.results() else []
    codes = {finding["code"] for finding in told}
    every = [*(finding for finding in held if finding["code"] not in codes), *told]
    folder.write_result("findings", {"findings": every}, {})
    return every


def autoencoder_result(
    folder: RunFolder, images: ImageSet, device: torch.device, progress: Progress = silent
) -> dict[str, Any]:
    """Compute and store the result "reconstruction-test" of a run; returns its numbers."""
    spec, model = load_trained(folder, images)
    values, arrays = reconstruction(
        model.to(device), images, split_of(folder, spec, images), device, part="test",
        objective=spec.objective, progress=progress,
    )  # fmt: skip
    values |= _named(spec, images)
    folder.write_result("reconstruction-test", values, arrays)
    return values


def _named(spec: RunSpec, images: ImageSet) -> dict[str, str]:
    """The images by name, where the run itself belongs to none."""
    return {} if spec.data.source else {"data": images.name}


def _autoencoder(
    folder: RunFolder, images: ImageSet, device: torch.device, progress: Progress
) -> AutoencoderEvaluation:
    values = autoencoder_result(folder, images, device, progress)
    page = str(build_report(folder))
    fields = ("mse", "psnr", "ssim", "code", "pixels", "pca_mse", "images")
    return AutoencoderEvaluation(
        run=str(folder.path), page=page, pca_reason=str(values["pca_reason"] or ""),
        **{name: values[name] for name in fields},
    )  # fmt: skip
