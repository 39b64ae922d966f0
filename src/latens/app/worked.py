"""What a worker did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Worked:
    """What a worker did: `trials` of them here, of `of` in all; `next` is the command to type."""

    study: str
    folder: str
    trials: int
    of: int
    next: str

    def to_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return asdict(self)
