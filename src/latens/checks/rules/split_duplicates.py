"""An image that stands in two parts lets the test ask what training has shown."""

from __future__ import annotations

import numpy as np

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `images`, `test_index` and one of `train_index`, `val_index`. Byte-identical only."""
    fitted = context.fitted_index
    if context.images is None or fitted is None or context.test_index is None:
        return None
    known = context.images.hashes
    repeated = int(np.isin(known[context.test_index], known[fitted]).sum())
    if not repeated:
        return None
    return Finding(
        "split-duplicates",
        "warning",
        f"{repeated} of {len(context.test_index)} test images also stand, byte for byte, in the "
        "training or validation part; the test accuracy counts them as new.",
    )
