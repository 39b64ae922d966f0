"""Questions with arms, seeds, a protocol and a verdict; one file each.

The file's name is the study's name. Its docstring gives the question, the command, what it costs
and what to expect; `STUDY` is the study itself. Nothing here trains: `latens.app.study` does.
"""

from __future__ import annotations

from typing import Any

from latens import catalog


def listed() -> list[dict[str, Any]]:
    """Every study: `name`, `question`, `source`, `data`, `minutes` (quick, on 2 cores)."""
    return [
        {
            "name": name, "question": study.question, "source": study.source,
            "data": study.data, "minutes": study.minutes,
        }
        for name in catalog.names("studies")
        for study in [catalog.load("studies", name).STUDY]
    ]  # fmt: skip
