"""Look more closely at a finished run: noise, denoising, maps, anomalies, samples, the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Unpack

from latens import choices
from latens.app import settings
from latens.app.explorations import EXPLORATIONS, Asked
from latens.app.opened import Opened, opened
from latens.app.opening import require_finished, task_of
from latens.app.options import described, given
from latens.app.settings_explore import ExploreOptions
from latens.errors import DataError, UsageError, unknown_name
from latens.progress import Progress, silent
from latens.report.build import build as build_report
from latens.runs.folder import RunFolder
from latens.spec import RunSpec, parse

ALWAYS = ("part", "seed", "device")


@dataclass(frozen=True)
class Explored:
    """What an exploration found.

    Attributes:
        run: the run's folder.
        what: noise, denoising, maps, anomaly, samples or latent.
        part: the images that were looked at, "validation" or "test".
        result: the name under which the run now holds it.
        numbers: the result's numbers, as `latens.evaluation` describes them.
        page: the report, one self-contained HTML file.
        next: a command to go on with.
    """

    run: str
    what: str
    part: str
    result: str
    numbers: dict[str, Any]
    page: str
    next: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)


@described(ExploreOptions)
def explore(
    run: str | Path,
    what: choices.Exploration,
    data: Any = None,
    *,
    progress: Progress = silent,
    **options: Unpack[ExploreOptions],
) -> Explored:
    """Look more closely at a finished run; the result is stored in it and drawn on its page.

    Args:
        run: the run's folder.
        what: "noise" (accuracy as noise grows; a classifier), "denoising" (how clean noisy images
            come back; an autoencoder), "maps" (codes in two dimensions; any run), "anomaly"
            (errors of unknown classes; an autoencoder), "samples" (how like real ones they are; a
            variational autoencoder) or "latent" (what its code means).
        data: the images again, where the run was made from arrays.

    The validation images are looked at, so that what is chosen by it is not chosen on the test
    part; `part="test"` is for once, at the end.

    Raises:
        UsageError: a run that `what` does not suit, or an option that it has no use for.
        RunError: no such run, not finished, or its data changed.
        DataError: the part has no images, or not those that are needed.
    """
    asked = given(_read(options), ExploreOptions)
    _check(what, asked)
    folder = RunFolder.open(run)
    task_of(folder, "pretrain", "classify")
    require_finished(folder)
    _require_suited(folder, what)
    _require(what, asked, folder)
    found = opened(run, data, device=asked.get("device", "auto"), progress=progress)
    request = Asked(found, asked, progress)
    _require_part(request)
    values, arrays = EXPLORATIONS[what].make(request)
    name = what if request.part == "validation" else f"{what}-{request.part}"
    folder.write_result(name, values, arrays)
    page = str(build_report(folder, progress=progress))
    return Explored(
        run=str(folder.path), what=what, part=request.part, result=name, numbers=values, page=page,
        next=_next(found, what),
    )  # fmt: skip


def suited(spec: RunSpec) -> list[str]:
    """The explorations of a run with this spec."""
    return [name for name, exploration in EXPLORATIONS.items() if exploration.suits(spec)]


def _read(options: Mapping[str, Any]) -> dict[str, Any]:
    """Text such as "pca,umap" is read as on the command line."""
    known = settings.table(ExploreOptions)
    readers = {name: setting.read for name, (_, setting) in known.items() if setting.read}
    return {
        name: readers[name](value) if name in readers and isinstance(value, str) else value
        for name, value in options.items()
    }


def _check(what: str, options: Mapping[str, Any]) -> None:
    """Raise `UsageError` unless there is such an exploration and it takes these options."""
    if what not in EXPLORATIONS:
        raise unknown_name("exploration", what, EXPLORATIONS)
    own = EXPLORATIONS[what].options
    without = [_flag(name) for name in options if name not in (*own, *ALWAYS)]
    if without:
        raise UsageError(
            f"Expected options of {what}; got {', '.join(without)}.",
            hint=f"Leave it out; {what} takes {', '.join(map(_flag, own))}.",
            code="without-effect",
        )


def _require_suited(folder: RunFolder, what: str) -> None:
    spec = parse(RunSpec, folder.spec())
    if EXPLORATIONS[what].suits(spec):
        return
    raise UsageError(
        f"Expected {EXPLORATIONS[what].wanted} for {what}; {folder.path} is {_kind(spec)}.",
        hint=f"It can be explored by {', '.join(suited(spec))}.",
        code="other-kind",
    )


def _require(what: str, options: Mapping[str, Any], folder: RunFolder) -> None:
    """Raise `UsageError` where the option is missing that `what` cannot do without."""
    needs = EXPLORATIONS[what].needs
    if needs and not options.get(needs):
        raise UsageError(
            f"Expected {_flag(needs)} for {what}; got none.",
            hint=f"For example: {_command(folder, what)}",
            code="missing-option",
        )


def _require_part(asked: Asked) -> None:
    if not len(asked.index):
        raise DataError(
            f"Expected {asked.part} images; the split of {asked.run.run.path} has none.",
            hint="Train with such a part: an official one, or a fraction of the images.",
            code=f"no-{asked.part}-part",
        )


def _kind(spec: RunSpec) -> str:
    """What a run is, in words."""
    kind = spec.objective.kind
    if kind == "vae":
        told = getattr(spec.objective, "conditional", False)
        return f"a variational autoencoder{' that is told the class' if told else ''}"
    return {"classify": "a classifier", "joint": "a classifier with a decoder"}.get(
        kind, "an autoencoder"
    )


def _next(found: Opened, what: str) -> str:
    """The next exploration that the run suits and has not had, or a look at the whole."""
    had = {*found.run.results(), what}
    for name in suited(found.spec):
        if not {name, f"{name}-test"} & had:
            return _command(found.run, name)
    return f"latens runs show {quote(str(found.run.path))}"


def _command(folder: RunFolder, what: str) -> str:
    names = folder.environment().get("class_names") or ["CLASS"]
    more = {"normal": f" --normal {quote(names[0])}", "classifier": " --classifier RUN"}
    needs = more.get(EXPLORATIONS[what].needs, "")
    return f"latens explore {quote(str(folder.path))} {what}{needs}"


def _flag(name: str) -> str:
    return settings.flag(name, settings.table(ExploreOptions)[name][1])
