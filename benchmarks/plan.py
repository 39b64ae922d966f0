"""Who runs against whom, on which network, and how much in a round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """A contestant: the file that has it, which way of it, and the environment that it wants."""

    title: str
    module: str
    variant: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


_PURE, _BEST = {"LATENS_KERNELS": "off"}, {"LATENS_KERNELS": "on"}
_FOR_KERAS = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}

CONTESTANTS = {
    "latens": Entry("latens, native kernels", "contestants.engine", "", _BEST),
    "latens-pure": Entry("latens, pure PyTorch", "contestants.engine", "", _PURE),
    "latens-bfloat16": Entry(
        "latens, native kernels, `--precision bfloat16`", "contestants.engine", "bfloat16", _BEST
    ),
    "bare": Entry("its bare step, native kernels", "contestants.bare", "", _BEST),
    "command": Entry("`latens pretrain`, the whole command", "contestants.command", "", _BEST),
    "torch": Entry("PyTorch by hand", "contestants.by_hand", "contiguous"),
    "torch-channels-last": Entry(
        "PyTorch by hand, channels-last", "contestants.by_hand", "channels_last"
    ),
    "keras": Entry("Keras on TensorFlow, `fit`", "contestants.keras_tensorflow", "", _FOR_KERAS),
    "keras-xla": Entry(
        "Keras on TensorFlow, XLA", "contestants.keras_tensorflow", "xla", _FOR_KERAS
    ),
    "keras-tf-data": Entry(
        "Keras on TensorFlow, uint8 `tf.data`", "contestants.keras_tensorflow", "tf-data",
        _FOR_KERAS,
    ),
    "skorch": Entry("skorch", "contestants.skorch_"),
    "pythae": Entry("pythae", "contestants.pythae_"),
}  # fmt: skip


ROUNDS = 7
# Keras goes at one of two speeds, which lie half apart, for seconds at a time: medians of 7 rounds
# came out as 2.98 and 3.28, or 3.57 and 2.84, an hour apart.
MORE_ROUNDS = 15


@dataclass(frozen=True)
class Block:
    """Contestants that run in turn; each trains on `images` images in a round, and a batch more.

    `rounds` is how many where nobody asks for another number, of all the processes that are started
    `starts` times; `about` ends the block's name where two have the same network and batch.
    """

    network: str
    batch: int
    images: int
    contestants: tuple[str, ...]
    rounds: int = ROUNDS
    about: str = ""
    starts: int = 1

    @property
    def name(self) -> str:
        return f"{self.network}-{self.batch}" + (f"-{self.about}" if self.about else "")

    @property
    def steps(self) -> int:
        return max(1, self.images // self.batch)

    @property
    def needed(self) -> int:
        """How many images a contestant has to have."""
        return (self.steps + 1) * self.batch


_OURS = ("latens", "latens-pure", "latens-bfloat16")
_TORCH = ("torch", "torch-channels-last")
_OTHERS = ("skorch", "pythae")

BLOCKS = (
    Block("cae-10", 128, 5120, (*_OURS, *_TORCH, "keras", "keras-xla", *_OTHERS), MORE_ROUNDS),
    # What the loop adds is a hundredth or two, less than a shared machine varies from one second to
    # the next: only the median of many short rounds of these two alone can tell it. And less than
    # two processes of the same program differ for as long as they live (0.988 was seen).
    Block("cae-10", 128, 5120, ("latens", "bare"), 121, "engine", starts=11),
    Block("cae-10", 256, 5120, (*_OURS, *_TORCH, "keras"), MORE_ROUNDS),
    Block("dae-8", 128, 1024, (*_OURS, *_TORCH, "keras", "keras-xla")),
    Block("cae-4", 128, 10240, (*_OURS, *_TORCH, "keras", *_OTHERS)),
)

# Peak memory is that of a process which trains one epoch of this, on as many images as MNIST has.
MEMORY = Block(
    "cae-10", 128, 60_000,
    ("latens", "latens-pure", "command", "torch-channels-last", "keras", "keras-tf-data"),
)  # fmt: skip
