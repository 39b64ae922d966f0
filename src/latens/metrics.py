"""Metrics as sums and counts that merge, divided once at the end.

So the last small batch, several batches and several devices all come out right. Sums stay on the
device, and so do counts that only the device knows (such as how many images of a batch have a
label); `Totals.read` is the one place where they are brought back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

Sums = Mapping[str, tuple[Tensor, int | Tensor]]
"""Name to (a sum as a scalar tensor on the device, how many examples it is over)."""

_COUNT = " count"  # a count on the device stands among the sums, under its metric's name and this


@dataclass
class Totals:
    """Running sums (float64 scalars on the device) and counts."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, sums: Sums) -> None:
        """Merge the sums of one more batch."""
        for name, (value, count) in sums.items():
            self._add(name, value)
            if isinstance(count, Tensor):
                self._add(name + _COUNT, count)
            else:
                self.counts[name] = self.counts.get(name, 0) + count

    def read(self) -> dict[str, float]:
        """The means; waits for the device once. A metric over no examples at all is left out."""
        if not self.sums:
            return {}
        values = dict(zip(self.sums, torch.stack(list(self.sums.values())).tolist(), strict=True))
        names = [name for name in values if not name.endswith(_COUNT)]
        counts = {n: self.counts.get(n, 0) + values.get(n + _COUNT, 0) for n in names}
        return {n: values[n] / counts[n] for n in names if counts[n]}

    def _add(self, name: str, value: Tensor) -> None:
        value = value.detach().double()
        # Not in place: the tensor of the first batch may belong to somebody else.
        self.sums[name] = self.sums[name] + value if name in self.sums else value
