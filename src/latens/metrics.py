"""Metrics as sums and counts that merge, divided once at the end.

So the last small batch, several batches and several devices all come out right. Sums stay on the
device; `Totals.read` is the one place where they are brought back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

Sums = Mapping[str, tuple[Tensor, int]]
"""Name to (a sum as a scalar tensor on the device, how many examples it is over)."""


@dataclass
class Totals:
    """Running sums (float64 scalars on the device) and counts."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, sums: Sums) -> None:
        """Merge the sums of one more batch."""
        for name, (value, count) in sums.items():
            value = value.detach().double()
            # Not in place: the tensor of the first batch may belong to somebody else.
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + count

    def read(self) -> dict[str, float]:
        """The means; waits for the device once."""
        if not self.sums:
            return {}
        values = torch.stack(list(self.sums.values())).tolist()
        return {n: v / self.counts[n] for n, v in zip(self.sums, values, strict=True)}
