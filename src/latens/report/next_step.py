"""What to type next, fit for the very images of a run: their size, their labels, their source."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latens.report import words
from latens.report.figures import Result, RunLike, gather

FEW = 500  # labels that are few for sets with more
ARRAY = "array"  # the source of images that came from a program
SHELL, PYTHON = "$", ">>>"
Held = Mapping[str, Result]


@dataclass(frozen=True)
class Step:
    """A command, why to type it, and the prompt at which; empty where there is none to propose."""

    command: str = ""
    why: str = ""
    prompt: str = SHELL


def after(run: RunLike) -> Step:
    """The next step after what a run folder holds."""
    held, spec = gather(run), run.spec()
    labelled = len(run.split().get("labelled", ()))
    return step(held, spec, run.path, run.environment(), labelled)


def step(
    held: Held,
    spec: Mapping[str, Any],
    path: Path,
    environment: Mapping[str, Any] | None = None,
    labelled: int | None = None,
) -> Step:
    """The next step of a run at `path`; `labelled` is how many training labels it may use."""
    about, run, what = environment or {}, shown(path), kind(held, spec)
    from_array = _source(held, spec) == ARRAY
    if "study" in held:
        return Step("latens study list", "Other questions, asked in the same way.")
    if what == "study":
        asked = f"{spec.get('study')} --scale {spec.get('scale')} --out {shlex.quote(run)}"
        return Step(f"latens study run {asked}", "This study has not come to its end: go on.")
    if not finished(held):
        return _go_on(run, what, from_array)
    if what == "comparison":
        return _pretrain(held, spec, from_array)
    if what == "classifier" and "classification" in held:
        return Step(f"latens predict {shlex.quote(run)} picture.png", "Let it name a picture.")
    classes = about.get("class_names")
    nameless = not _source(held, spec)  # from elsewhere, without images: any may be classified
    if what == "autoencoder" and (nameless or classes is None or len(classes) > 1):
        return _classify(_data(held, spec), run, labelled, from_array)
    return _evaluate(held, run, from_array)


def kind(held: Held, spec: Mapping[str, Any]) -> str:
    """What a run is: study, comparison, classifier or autoencoder."""
    if spec.get("task") == "study":
        return "study"
    if "comparison" in held:
        return "comparison"
    if "classification" in held or spec.get("task") == "classify":
        return "classifier"
    return "autoencoder"


def finished(held: Held) -> bool:
    """Whether the training came to its end: any result but bare metrics tells that it did."""
    return any(
        set(result) - {"records"} for name, (result, _) in held.items() if name != "findings"
    )


def shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        near = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return str(path) if near.startswith("..") else near


def _go_on(run: str, what: str, from_array: bool) -> Step:
    verb = "classify" if what == "classifier" else "pretrain"
    why = "This training has not come to its end: go on."
    if from_array:
        return Step(
            f"latens {verb} IMAGES.npz --resume {shlex.quote(run)}",
            f"{why} It was made from arrays: name a file that holds the same images.",
        )
    return Step(f"latens {verb} --resume {shlex.quote(run)}", why)


def _pretrain(held: Held, spec: Mapping[str, Any], from_array: bool) -> Step:
    why = "To use what came out: pretrain one encoder, and go on from its page."
    asked = spec.get("pretrain")
    asked = asked if isinstance(asked, Mapping) else {}
    if from_array:
        named = "".join(f", {name}={value!r}" for name, value in asked.items())
        return Step(f"latens.pretrain(images, out='my-encoder'{named})", why, PYTHON)
    return Step(f"latens pretrain {_data(held, spec)} --out my-encoder{flags(asked)}", why)


def _classify(data: str, run: str, labelled: int | None, from_array: bool) -> Step:
    few = labelled is not None and labelled > FEW
    why = f"Reuse this encoder for a classifier{' that needs few labels' if few else ''}."
    if from_array:
        budget = f", labels={FEW}" if few else ""
        return Step(f"latens.classify(images, encoder={run!r}{budget})", why, PYTHON)
    budget = f" --labels {FEW}" if few else ""
    return Step(f"latens classify {data} --encoder {shlex.quote(run)}{budget}", why)


def _evaluate(held: Held, run: str, from_array: bool) -> Step:
    if "reconstruction-test" in held:
        return Step()
    why = "Read the test split, once, for the number to report."
    if from_array:
        return Step(f"latens.evaluate({run!r}, images)", why, PYTHON)
    return Step(f"latens evaluate {shlex.quote(run)}", why)


def _source(held: Held, spec: Mapping[str, Any]) -> str:
    data = spec.get("data")
    source = data.get("source") if isinstance(data, Mapping) else data
    if source is None and "comparison" in held:
        source = held["comparison"][0].get("data")
    return words.plain(source) if source else ""


def _data(held: Held, spec: Mapping[str, Any]) -> str:
    source = _source(held, spec)
    if not source:
        return "DATA"
    return shlex.quote(",".join(map(_near, source.split(","))))


def _near(source: str) -> str:
    """A file or folder as short as it can be typed from here; a name as it is."""
    return shown(Path(source)) if Path(source).is_absolute() else source


def flags(options: Mapping[str, Any]) -> str:
    """Options as they are typed: those of the pretraining that a comparison was asked for."""
    return "".join(f" {typed}" for name, value in options.items() for typed in _typed(name, value))


def _typed(name: str, value: Any) -> list[str]:
    flag = "--" + words.plain(name).replace("_", "-")
    if name == "overrides":
        return [f"--set {shlex.quote(f'{field}={_text(v)}')}" for field, v in value.items()]
    if name == "size":
        return [f"{flag} {'x'.join(map(str, value))}"]
    if name == "keep":
        return [f"{flag} {shlex.quote(','.join(f'{k}={n}' for k, n in value.items()))}"]
    if isinstance(value, bool):
        return [flag] if value else []
    if name in ("noise", "augment") and not isinstance(value, str):
        return [f"{flag} {shlex.quote(','.join(map(_effect, value)) or 'none')}"]
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return [f"{flag} {shlex.quote(words.plain(value))}"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _effect(effect: Any) -> str:
    if not isinstance(effect, Mapping):
        return str(effect)
    strength = effect.get("strength")
    if strength is None:
        return str(effect.get("name"))
    ends = strength if isinstance(strength, list) else [strength]
    return f"{effect.get('name')}={'..'.join(f'{end:g}' for end in ends)}"
