"""The explorations by name: the runs that each suits, its options, how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from latens.app.load import LoadedRun, load
from latens.app.opened import Opened
from latens.app.training import with_labels
from latens.data.split import Split
from latens.errors import DataError, UsageError, plural
from latens.evaluation.anomaly import anomaly
from latens.evaluation.denoising import denoising
from latens.evaluation.latent import latent
from latens.evaluation.maps import maps
from latens.evaluation.noise import Way, noise
from latens.evaluation.reconstruction import as_uint8
from latens.evaluation.samples import samples
from latens.nn.generate import sample
from latens.progress import Progress
from latens.seeds import fold
from latens.spec import RunSpec, VaeSpec

COUNT = 2000
BATCH = 500
Result: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]
Indices: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """What an exploration is made from: an open run, the options that were given, who listens."""

    run: Opened
    options: Mapping[str, Any]
    progress: Progress

    @property
    def part(self) -> str:
        return str(self.options.get("part", "validation"))

    @property
    def seed(self) -> int:
        return int(self.options.get("seed", 0))

    @property
    def count(self) -> int:
        return int(self.options.get("count", COUNT))

    @property
    def index(self) -> Indices:
        """The images of the part."""
        split = self.run.split
        return split.test if self.part == "test" else split.val

    @property
    def shared(self) -> dict[str, Any]:
        """The keyword arguments that all evaluations of a part take."""
        return {"part": self.part, "seed": self.seed, "progress": self.progress}


@dataclass(frozen=True)
class Exploration:
    """One line of the table.

    Attributes:
        suits: whether a run of this spec can be looked at so; `wanted` says it in words.
        make: computes the result.
        options: those that it takes beside `part`, `seed` and `device`.
        needs: the option that it cannot do without.
    """

    suits: Callable[[RunSpec], bool]
    wanted: str
    make: Callable[[Asked], Result]
    options: tuple[str, ...] = ()
    needs: str = ""


def classifies(spec: RunSpec) -> bool:
    """Whether the model names classes."""
    return "head" in spec.parts


def rebuilds(spec: RunSpec) -> bool:
    """Whether the model gives images back without being told their class."""
    return "decoder" in spec.parts and not getattr(spec.objective, "conditional", False)


def varies(spec: RunSpec) -> bool:
    """Whether the model is a variational autoencoder."""
    return isinstance(spec.objective, VaeSpec)


def _noise(asked: Asked) -> Result:
    run, behind = asked.run, _other(asked, "denoiser", rebuilds, "an autoencoder's run")
    ways = [Way(run.run.path.name, run.model)]
    if behind:
        ways.append(Way(f"{ways[0].name} behind {behind.run.path.name}", run.model, behind.model))
    return noise(
        ways, run.images, with_labels(run.images, asked.index), run.device,
        **_levels(asked, behind.spec if behind else run.spec), **asked.shared,
    )  # fmt: skip


def _denoising(asked: Asked) -> Result:
    run = asked.run
    return denoising(
        {run.run.path.name: run.model}, run.images, _some(asked), run.device,
        **_levels(asked, run.spec), **asked.shared,
    )  # fmt: skip


def _maps(asked: Asked) -> Result:
    run = asked.run
    methods = asked.options.get("method", ("pca", "t-sne"))
    index = with_labels(run.images, asked.index) if _told(run.spec) else asked.index
    return maps(
        run.model, run.images, index, run.device, methods=methods,
        stage=asked.options.get("stage"), sample=asked.count, **asked.shared,
    )  # fmt: skip


def _anomaly(asked: Asked) -> Result:
    """On validation one half chooses the threshold and the other is measured by it."""
    run, normal = asked.run, asked.options["normal"]
    split = run.split if asked.part == "test" else _halved(run.split, asked.seed)
    _require_anomalies(asked, split)
    values, arrays = anomaly(
        run.model, run.images, split, run.device, normal=normal,
        false_alarms=asked.options.get("false_alarms", 0.05), progress=asked.progress,
    )  # fmt: skip
    return {**values, "part": asked.part}, arrays


def _samples(asked: Asked) -> Result:
    run = asked.run
    judge = _other(asked, "classifier", classifies, "a classifier's run")
    assert judge is not None, "needs says so"
    if judge.class_names != run.images.class_names:
        raise UsageError(
            f"Expected a classifier of the classes of {run.run.path}; {judge.run.path} knows "
            "other ones.",
            hint="Train one on the same images with: latens classify DATA",
            code="other-data",
        )
    labels = np.sort(np.arange(asked.count) % len(judge.class_names)) if _told(run.spec) else None
    drawn = _drawn(asked, labels)
    return samples(
        drawn, run.images, run.split, judge.model, run.device, asked=labels, **asked.shared
    )


def _latent(asked: Asked) -> Result:
    run = asked.run
    index = with_labels(run.images, asked.index) if _told(run.spec) else asked.index
    return latent(run.model, run.images, index, run.device, sample=asked.count, **asked.shared)


EXPLORATIONS: Mapping[str, Exploration] = {
    "noise": Exploration(classifies, "a classifier", _noise, ("noise", "levels", "denoiser")),
    "denoising": Exploration(
        rebuilds, "an autoencoder that is not told the class", _denoising,
        ("noise", "levels", "count"),
    ),
    "maps": Exploration(lambda _: True, "any run", _maps, ("method", "stage", "count")),
    "anomaly": Exploration(
        rebuilds, "an autoencoder that is not told the class", _anomaly,
        ("normal", "false_alarms"), "normal",
    ),
    "samples": Exploration(
        varies, "a variational autoencoder", _samples, ("classifier", "count"), "classifier"
    ),
    "latent": Exploration(varies, "a variational autoencoder", _latent, ("count",)),
}  # fmt: skip


def _told(spec: RunSpec) -> bool:
    """Whether the model is told the class of each image."""
    return bool(getattr(spec.objective, "conditional", False))


def _levels(asked: Asked, spec: RunSpec) -> dict[str, Any]:
    """Which noise at which strengths; by default the noise that the run learned to mend."""
    learned = getattr(spec.objective, "corruptions", ())
    name = asked.options.get("noise") or (learned[0].name if learned else "salt-pepper")
    levels = asked.options.get("levels")
    return {"corruption": name, **({} if levels is None else {"levels": levels})}


def _some(asked: Asked) -> Indices:
    """So many images of the part as were asked for, drawn by the seed, sorted."""
    rng = np.random.default_rng((asked.seed, len(asked.index)))
    return np.sort(rng.permutation(asked.index)[: asked.count])


def _halved(split: Split, seed: int) -> Split:
    """The validation part in two: one to choose by, one in the place of the test part."""
    mixed = np.random.default_rng((seed, len(split.val))).permutation(split.val)
    middle = len(mixed) // 2
    return replace(split, val=np.sort(mixed[:middle]), test=np.sort(mixed[middle:]))


def _require_anomalies(asked: Asked, split: Split) -> None:
    """Raise `DataError` where a training kept to normal images, and so did its validation part."""
    images, normal = asked.run.images, asked.options["normal"]
    if images.labels is None or not set(normal) <= set(images.class_names):
        return  # the evaluation refuses both
    known = [images.class_names.index(name) for name in normal]
    if len(split.test) and np.isin(images.labels[split.test], known).all():
        part = "test" if asked.part == "test" else "validation"
        raise DataError(
            f"Expected images of other classes than {', '.join(normal)} in the {part} part; there "
            "are none.",
            hint="Name fewer classes as normal."
            if part == "test"
            else "Name fewer classes as normal; or, once and at the end, look at --part test.",
            code="one-kind",
        )


def _other(
    asked: Asked, option: str, suits: Callable[[RunSpec], bool], wanted: str
) -> LoadedRun | None:
    """The run that an option names, its model beside that of the explored run."""
    path = asked.options.get(option)
    if path is None:
        return None
    found, shape = load(path), asked.run.images.shape
    if not suits(found.spec):
        raise UsageError(
            f"Expected {wanted} for {option}; {Path(path)} is of another kind.",
            hint=f"'latens runs show {path}' tells what it is.",
            code="other-kind",
        )
    if found.image_shape != shape:
        raise UsageError(
            f"Expected a run on images of {_size(shape)} for {option}; those of {Path(path)} "
            f"have {_size(found.image_shape)}.",
            hint="Train it on the same images.",
            code="other-shape",
        )
    found.model.to(asked.run.device)
    return found


def _size(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{height}x{width} and {plural(channels, 'channel')}"


def _drawn(asked: Asked, labels: Indices | None) -> npt.NDArray[np.uint8]:
    """New images of the model, uint8 [count, C, H, W], in batches."""
    generator = torch.Generator().manual_seed(fold(asked.seed, "samples"))
    found: list[npt.NDArray[np.uint8]] = []
    for start in range(0, asked.count, BATCH):
        size = min(BATCH, asked.count - start)
        told = None if labels is None else torch.from_numpy(labels[start : start + size])
        found.append(as_uint8(sample(asked.run.model, size, told, generator).cpu().numpy()))
        asked.progress("sampling", start + size, asked.count)
    return np.concatenate(found)
