"""A finding: something worth knowing about data, a run or a comparison, with a stable code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One sentence for people, a short stable `code` for scripts, and how serious it is."""

    code: str
    severity: Severity
    message: str

    def to_dict(self) -> dict[str, str]:
        """The form in which results and ``--json`` carry it."""
        return asdict(self)
