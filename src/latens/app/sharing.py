"""How the options of a comparison are shared out among its trainings."""

from __future__ import annotations

import json
from typing import Any

from latens.app.options import Options, given
from latens.app.settings import (
    ClassifyOptions,
    HeadOptions,
    NetworkOptions,
    PretrainOptions,
    RebuildingOptions,
    TrainingOptions,
    table,
)

_AUTOENCODERS = {**table(RebuildingOptions), **table(NetworkOptions)}
_CLASSIFIERS = table(HeadOptions)
_READING = {"size", "channels", "keep"}  # by pretraining; classifiers take its images as they are
_ROOMS = {"encoder": "pretrain", "objective": "pretrain", "head": "classify"}


def divided(shared: Options, pretrain: Options, classify: Options) -> tuple[Options, Options]:
    """The options for `pretrain` and for `classify`, as JSON has them.

    `shared` are those of `latens.compare`; the other two come before them. The seed is left out,
    because every repetition has its own.

    Raises `UsageError` for an option that does not exist.
    """
    training = {n: v for n, v in shared.items() if n in table(TrainingOptions)}
    for name in ("epochs", "augment", "overrides", "seed"):
        training.pop(name, None)
    before: dict[str, Any] = {n: v for n, v in shared.items() if n in _AUTOENCODERS} | training
    after: dict[str, Any] = {n: v for n, v in shared.items() if n in _CLASSIFIERS} | training
    if "pretrain_epochs" in shared:
        before["epochs"] = shared["pretrain_epochs"]
    after |= {name: shared[name] for name in ("epochs", "augment") if name in shared}
    after = {name: value for name, value in after.items() if name not in _READING}
    before |= given(pretrain, PretrainOptions)
    after |= given(classify, ClassifyOptions)
    for field, value in shared.get("overrides", {}).items():
        _override(before, after, field, value)
    return _plain(before), _plain(after)


def _override(before: Options, after: Options, field: str, value: Any) -> None:
    """Give a field to the trainings whose spec is asked for it: both, where both have it."""
    room = field.partition(".")[0]
    for task, values in (("pretrain", before), ("classify", after)):
        if _ROOMS.get(room, task) == task and not (room == "data" and task == "classify"):
            values["overrides"] = {field: value, **values.get("overrides", {})}


def _plain(values: Options) -> Options:
    """Options as JSON has them, so that those asked now and those of a spec can be compared."""
    plain: Options = json.loads(json.dumps(values, default=str))
    return plain
