"""Every option that the trials of a sweep may have fixed: those of `pretrain` and of `classify`.

They are put together here and not written again, so that a new option of either is one of a sweep.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from latens.app.setting import Setting, table
from latens.app.settings import ClassifyOptions, PretrainOptions


def _together(name: str) -> tuple[Any, Setting]:
    """The type of an option, and what there is to say about it, for either task."""
    pretraining = table(PretrainOptions).get(name)
    classifying = table(ClassifyOptions).get(name)
    one = pretraining or classifying
    assert one is not None
    kind, setting = one
    if pretraining is None or classifying is None or pretraining == classifying:
        return kind, setting
    if setting.help != classifying[1].help:
        setting = replace(setting, help=f"{setting.help} To classify: {classifying[1].help}")
    # Types that differ are names: which of them are known depends on the task.
    return kind if kind == classifying[0] else str | None, replace(setting, shown="")


_NAMES = dict.fromkeys([*table(PretrainOptions), *table(ClassifyOptions)])
SweepOptions = type(
    "SweepOptions", (), {"__annotations__": {name: Annotated[_together(name)] for name in _NAMES}}
)
