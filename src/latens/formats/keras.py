"""Keras: models of Keras 2 and 3, in files named .h5 or .keras.

It holds chains of Dense, Conv2D, Conv2DTranspose, BatchNormalization, poolings, UpSampling2D,
ZeroPadding2D, Cropping2D, Dropout, GaussianNoise, Flatten, Reshape, Permute, Rescaling and
activations, with residual blocks in them. It does not hold a network that reads the class beside
the image. Files are read with h5py alone, and nothing in them is executed.
"""

from __future__ import annotations

from pathlib import Path

from latens.errors import UsageError
from latens.formats import _keras_read, _keras_write
from latens.formats._chain import Chain
from latens.runs import atomic

SUFFIXES = (".keras", ".h5")


def read(
    file: Path, *, size: tuple[int, int] | None = None, like: Chain | Path | None = None
) -> Chain:
    """The model in a file that Keras wrote.

    `size` is the height and width where the file leaves them open. `like` describes the model
    where the file holds weights alone: a chain, another Keras file, or the JSON of
    `model.to_json()`.

    Raises `DataError` for a file that is damaged, hostile or holds what latens cannot (custom
    objects, Lambda layers, merging), `UsageError` if `like` is missing or too much.
    """
    return _keras_read.read(file, size=size, like=like)


def write(chain: Chain, file: Path) -> None:
    """Write a model that Keras loads: for Keras 3 as .keras, for 2 and 3 as .h5.

    Raises `UsageError` for another name, `TrainingError` where the disk does not take it.
    """
    if file.suffix not in SUFFIXES:
        raise UsageError(
            f"Expected a file named .keras or .h5; got {file.name!r}.",
            hint=f"For example {file.stem or 'model'}.keras.",
            code="bad-suffix",
        )
    content = (_keras_write.keras if file.suffix == ".keras" else _keras_write.h5)(chain)
    atomic.write(file, lambda out: out.write(content))
