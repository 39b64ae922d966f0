"""Did pretraining help? Arms, seeds, a matched control from scratch, and a verdict.

For each seed: one autoencoder on the unlabelled training images; then for each label budget and
mode one classifier, and one of the same architecture, budget of updates and label draw from
scratch. All are tested once, on the same test images. A comparison is a folder whose trainings are
runs of their own under `runs/`, so that one that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Unpack

from latens import transfer
from latens.app import options
from latens.app.arms import ALL, Arm, Budget, comparisons, described, train
from latens.app.opening import data_of, read_data, require_same_data, task_of
from latens.app.settings import CompareOptions
from latens.app.sharing import divided
from latens.app.telling import Tell, mute
from latens.app.training import next_run_path
from latens.app.warm_up import warm_up
from latens.checks.context import Context
from latens.checks.run import run_checks
from latens.data.image_set import ImageSet
from latens.data.split import draw, require_classes
from latens.errors import Interrupted, RunError, UsageError
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.runs.folder import RunFolder
from latens.spec import DataSpec, Mode
from latens.train.records import Observer


@dataclass(frozen=True)
class Comparison:
    """Arms and verdicts.

    Attributes:
        run: the folder of the comparison.
        arms: each with `mode`, `labels`, `accuracies` (one a seed, 0 to 1), `mean`, `low`, `high`.
        comparisons: each pretrained arm against scratch: `difference`, `low`, `high` (95 %),
            `p`, `p_corrected` (Holm, over all comparisons here), `verdict`, `sentence`.
        findings: `{"code", "severity", "message"}` each.
        page: the report, one self-contained HTML file.
    """

    run: str
    data: str
    seeds: list[int]
    arms: list[dict[str, Any]]
    comparisons: list[dict[str, Any]]
    findings: list[dict[str, str]]
    page: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


@options.described(CompareOptions)
def compare(
    data: Any,
    *,
    labels: Sequence[Budget] = (ALL,),
    modes: Sequence[Mode] = ("frozen", "two-phase", "scratch"),
    seeds: int = 5,
    out: str | Path | None = None,
    pretrain_options: options.Overrides | None = None,
    classify_options: options.Overrides | None = None,
    resume: bool = False,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
    **asked: Unpack[CompareOptions],
) -> Comparison:
    """Compare ways of reusing a pretrained encoder with training from scratch.

    Args:
        data: as for `pretrain`, with labels.
        labels: label budgets; ``"all"`` for every training label.
        modes: of `latens.classify`; "scratch" is added where it is missing, it is the control.
        seeds: how many repetitions, with seeds `seed` (0), `seed` + 1, ...; five or more for a
            verdict to trust.
        out: the folder to make; by default the next free one under ``runs/``.
        pretrain_options, classify_options: further keyword arguments for `pretrain` and
            `classify`; they come before `asked`.
        resume: go on with the comparison at `out`; trainings that are finished are kept.
        observers, progress: called while it trains and counts.
        tell: called with a line at a time before the first training, such as ``print``.
        asked: see the options below. Network, objective and noise are the autoencoders', the head
            and `augment` the classifiers', `epochs` of each classifier, `pretrain_epochs` of each
            autoencoder, and how to train is for all.

    Raises:
        UsageError: fewer than two seeds, a mode or budget that cannot be. RunError: `out` exists,
        or with `resume` asks another question. DataError, TrainingError, Interrupted: as
        `classify`.
    """
    given = options.given(asked, CompareOptions)
    values = divided(given, dict(pretrain_options or {}), dict(classify_options or {}))
    first = int(given.get("seed", 0))
    images = read_data(data, _data_spec(options.source_name(data), values[0]), progress)
    require_classes(images)
    labels = list(dict.fromkeys(labels))
    modes = [*dict.fromkeys(m for m in modes if m != "scratch"), "scratch"]
    _check(labels, modes, seeds, images, values)
    question = {
        "labels": labels, "modes": modes, "seeds": seeds, "first_seed": first,
        "pretrain": values[0], "classify": values[1],
    }  # fmt: skip
    folder = _folder(images, options.source_name(data), out, resume, question)
    every = range(first, first + seeds)
    with folder.alone():
        try:
            warm_up(values[0])
            arms = train(folder, images, labels, modes, every, values, observers, progress, tell)
        except Interrupted as stopped:
            hint = f"Go on with: latens compare --resume {quote(str(folder.path))}"
            raise Interrupted(stopped.message, hint=hint) from None
        return _conclude(folder, images, arms, every)


def resume(
    run: str | Path,
    data: Any = None,
    *,
    observers: Sequence[Observer] = (),
    progress: Progress = silent,
    tell: Tell = mute,
) -> Comparison:
    """Go on with the comparison at `run` as it was asked; trainings that are finished are kept.

    Raises `UsageError` if `run` is not a comparison; else as `compare`.
    """
    folder = RunFolder.open(run)
    task_of(folder, "compare")
    asked = folder.spec()
    try:
        question = {name: asked[name] for name in ("labels", "modes", "seeds")}
        values = {f"{name}_options": asked[name] for name in ("pretrain", "classify")}
        question["seed"] = asked.get("first_seed", 0)
        spec = _data_spec(asked["data"]["source"], asked["pretrain"])
    except (KeyError, TypeError) as error:
        raise RunError(
            f"Expected the whole question in {folder.path}/spec.json; {error} is not there.",
            hint="Repeat the comparison with another --out.",
            code="damaged-run",
        ) from error
    images = data_of(folder, spec, data, progress)
    return compare(
        images, **question, **values, out=folder.path, resume=True,
        observers=observers, progress=progress, tell=tell,
    )  # fmt: skip


def _data_spec(source: str, values: options.Options) -> DataSpec:
    return options.data_spec(source, values).model_copy(update={"source": source})


def _check(
    labels: Sequence[Budget],
    modes: Sequence[Mode],
    seeds: int,
    images: ImageSet,
    values: tuple[options.Options, options.Options],
) -> None:
    """Refuse what would fail only after hours of training."""
    joint = values[1].get("objective") == "joint"
    transfer.require(modes, values[1].get("epochs"), joint=joint)
    if values[0].get("conditional"):
        raise UsageError(
            "Expected pretraining without labels, because label budgets are compared; got "
            "--conditional.",
            hint="Leave it out.",
            code="pretrained-with-labels",
        )
    if len(modes) < 2 or not labels:
        raise UsageError(
            f"Expected a label budget, and a mode beside scratch; "
            f"got labels {', '.join(map(str, labels)) or 'none'} and modes {', '.join(modes)}.",
            hint="Use for example --labels 50,all --modes frozen,two-phase.",
            code="nothing-to-compare",
        )
    if seeds < 2:
        raise UsageError(
            f"Expected at least 2 seeds to compare; got {seeds}.",
            hint="Use --seeds 5: fewer make intervals too wide to say much.",
            code="too-few-seeds",
        )
    for budget in labels:
        if budget != ALL and not (isinstance(budget, int) and 0 < budget <= images.train_count):
            raise UsageError(
                f"Expected label budgets from 1 to {images.train_count}, or 'all'; got {budget!r}.",
                hint="Use for example --labels 50,500,all.",
                code="bad-labels",
            )
        draw(
            images, labels=None if budget == ALL else int(budget), seed=0,
            val_fraction=values[1].get("val_fraction", 0.1),
        )  # fmt: skip


_OLD = {"first_seed": 0}  # what the question was before it was asked


def _folder(
    images: ImageSet, source: str, out: str | Path | None, resume: bool, asked: dict[str, Any]
) -> RunFolder:
    path = Path(out) if out else next_run_path(images, "compare")
    spec = {"version": 1, "task": "compare", "data": {"source": source}, **asked}
    if resume:
        folder = RunFolder.open(path)
        task_of(folder, "compare")
        before = folder.spec()
        differ = [name for name in asked if before.get(name, _OLD.get(name)) != asked[name]]
        if differ:
            raise RunError(
                f"Expected the same question as in {path}/spec.json; "
                f"this one differs in {', '.join(differ)}.",
                hint=f"Go on as it was asked with: latens compare --resume {path}",
                code="other-spec",
            )
        require_same_data(folder, images)
        return folder
    environment = {"data": images.name, "data_fingerprint": images.fingerprint}
    return RunFolder.create(path, spec, environment, {})


def _conclude(
    folder: RunFolder, images: ImageSet, arms: list[Arm], seeds: Sequence[int]
) -> Comparison:
    shown = [described(arm) for arm in arms]
    verdicts = comparisons(arms)
    split = draw(images, seed=0)
    found = run_checks(
        Context(
            images=images, train_index=split.train, val_index=split.val, test_index=split.test,
            seeds=seeds, arms=shown, selected_on="validation",
        )
    )  # fmt: skip
    example = RunFolder.open(folder.path / "runs" / f"autoencoder-seed{seeds[0]}")
    source = str(folder.spec()["data"]["source"])
    told = [finding.to_dict() for finding in found] + _of_autoencoder(example, source)
    result = {
        "data": images.name,
        "seeds": list(seeds),
        "budgets": list(dict.fromkeys(arm.labels for arm in arms)),
        "test_images": int(arms[0].correct.shape[1]),
        "arms": shown,
        "comparisons": verdicts,
        "findings": told,
    }
    folder.write_result("comparison", result, {})
    folder.write_result("findings", {"findings": told}, {})
    folder.write_result("reconstruction", *example.result("reconstruction"))
    return Comparison(
        run=str(folder.path), data=images.name, seeds=list(seeds), arms=shown,
        comparisons=verdicts, findings=told, page=str(build_report(folder)),
    )  # fmt: skip


def _of_autoencoder(run: RunFolder, source: str) -> list[dict[str, str]]:
    """What the training of one autoencoder found, in a comparison's words."""
    found, _ = run.result("findings")
    return [
        {**item, "message": _in_pretraining(item["message"], source)}
        for item in found["findings"]
        if item["code"] in ("code-unused", "wide-code", "worse-than-pca")
    ]


def _in_pretraining(message: str, source: str) -> str:
    """The command is named, because a demo, which is a comparison too, has no such option."""
    data = "" if source == options.ARRAY else f"{quote(source)} "
    return f"In pretraining, {message[0].lower()}{message[1:]}".replace(
        "(--epochs", f"(latens compare {data}--pretrain-epochs"
    )
