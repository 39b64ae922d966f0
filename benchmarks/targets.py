"""What was asked of the speed on two cores, and how each figure is read out of the results.

`tried` says what was tried for a row that is not reached; it is shown only then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from figures import BlockOfRounds, Spread, cost, of_peak, ratio, spread
from networks import NETWORKS

Results = dict[str, Any]
Unit = Literal["x", "%"]


_PURE = (
    "images as uint8 until the batch, freed memory kept, fused Adam, one transposed convolution "
    "for an enlargement, a product for that to one channel, ReLU on what pooling has left, "
    "channels last throughout. What is left are oneDNN's convolutions and torch's normalisation, "
    "which PyTorch by hand has too: beyond them native code is needed."
)
_CAE_10 = (
    "native kernels for normalisation, ReLU and pooling, for the first and the last convolution "
    "and for the squared error; one transposed convolution for an enlargement; Winograd's "
    "filtering in tiles of 4x4, a third of the multiplications at 7x7; threads that help each "
    "other; the first block's gradients in one pass. What is left, profiled at batch 128: half "
    "convolutions and their transforms, an eighth normalisation, and a quarter Python "
    "and torch's dispatch on one thread while the other waits, which a larger batch spreads "
    "thinner. Fewer products in the transposed convolution gained 1%, a convolution and its "
    "normalisation as one call less than 1%, Adam without torch's class 1%."
)
_DAE_8 = (
    "native kernels as for CAE-10; before Winograd's filtering 85% of a step were oneDNN's "
    "convolutions, which others call too. The share of the peak counts the multiplications of a "
    "plain convolution, whoever needs fewer."
)


@dataclass(frozen=True)
class Target:
    """One row: `read` gives the figure, None where its contestants have not run.

    Attributes:
        unit: "x" for a ratio, "%" for a share.
        better: whether more is better ("higher") or less ("lower").
    """

    work: str
    asked: float
    read: Callable[[Results], Spread | None]
    unit: Unit = "x"
    better: Literal["higher", "lower"] = "higher"
    tried: str = ""

    def reached(self, figure: Spread) -> bool:
        """Whether the median is as asked."""
        if self.better == "higher":
            return figure.median >= self.asked
        return figure.median <= self.asked


def _of(name: str, read: Callable[[BlockOfRounds], Spread | None]) -> Callable[..., Spread | None]:
    """Read a figure out of one block, if that block has run."""

    def found(results: Results) -> Spread | None:
        block = results.get("blocks", {}).get(name)
        return read(block) if block else None

    return found


def times(block: str, name: str, against: str) -> Callable[[Results], Spread | None]:
    """How many times as fast."""
    return _of(block, lambda b: ratio(b, name, against))


def peak(block: str, name: str) -> Callable[[Results], Spread | None]:
    """The share of the measured peak."""
    return _of(block, lambda b: of_peak(b, name, NETWORKS[b["network"]].training_flops))


def memory(name: str, against: str) -> Callable[[Results], Spread | None]:
    """Peak memory as a share of the other's."""

    def found(results: Results) -> Spread | None:
        mb = results.get("memory", {}).get("peak_mb", {})
        return spread([mb[name] / mb[against]] if name in mb and against in mb else [])

    return found


TARGETS = (
    Target("CAE-10, pure PyTorch path, against Keras", 1.9,
           times("cae-10-128", "latens-pure", "keras"), tried=_PURE),
    Target("CAE-10, pure PyTorch path, against PyTorch by hand", 1.7,
           times("cae-10-128", "latens-pure", "torch")),
    Target("CAE-10, best path, batch 128, against Keras", 3.0,
           times("cae-10-128", "latens", "keras"), tried=_CAE_10),
    Target("CAE-10, best path, batch 256, against Keras", 3.3,
           times("cae-10-256", "latens", "keras"), tried=_CAE_10),
    Target("CAE-10, best path, batch 128, of the peak", 0.6, peak("cae-10-128", "latens"), "%",
           tried=_CAE_10),
    Target("CAE-10, best path, batch 256, of the peak", 0.6, peak("cae-10-256", "latens"), "%",
           tried=_CAE_10),
    Target("DAE-8, against Keras", 1.33, times("dae-8-128", "latens", "keras"),
           tried=_DAE_8),
    Target("DAE-8, of the peak", 0.79, peak("dae-8-128", "latens"), "%", tried=_DAE_8),
    Target("the engine's own cost over its bare step, CAE-10", 0.02,
           _of("cae-10-128-engine", lambda b: cost(b, "latens", "bare")), "%", "lower",
           tried="nothing in the loop waits for the device or reads a number back, and no step "
           "seeds other devices than its own; an epoch here is of 41 steps, and what it costs once "
           "is counted."),
    Target("CAE-4, against skorch", 1.5, times("cae-4-128", "latens", "skorch")),
    Target("CAE-4, against pythae", 1.5, times("cae-4-128", "latens", "pythae")),
    Target("peak memory, training CAE-10 on MNIST, against Keras", 0.4,
           memory("latens", "keras"), "x", "lower"),
)  # fmt: skip

# What growth.py and gpu.py are asked; the page shows these until they have run.
OF_GROWTH: tuple[dict[str, Any], ...] = (
    {"work": "a million colour images of 64x64 from a pack: peak memory", "asked": 1500,
     "unit": "MB"},
    {"work": "speed from the pack against speed from memory", "asked": 0.9, "unit": "x",
     "better": "higher"},
)  # fmt: skip
ON_A_GPU: tuple[dict[str, Any], ...] = (
    {"work": "cifar10-jpeg: airbench94's accuracy in no more than its time",
     "asked": 1.0, "unit": "of its time"},
    {"work": "MNIST classifier, 99.0%, after warm-up", "asked": 0.3, "unit": "s"},
    {"work": "MNIST classifier, 99.5%, after warm-up", "asked": 3.0, "unit": "s"},
    {"work": "CAE-10 against plain eager PyTorch", "asked": 5, "unit": "x", "better": "higher"},
)  # fmt: skip
