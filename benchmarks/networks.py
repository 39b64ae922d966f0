"""The networks that every contestant trains: written down once, built for each framework.

A network is a list of words: a number is a 3x3 convolution of so many kernels with batch
normalisation and ReLU, "pool" halves by maximum, "up" doubles by repeating. A 3x3 convolution to
one channel and a sigmoid end it. Every contestant counts its parameters and is refused where they
are not those that are counted here.

    CAE-10  report 2's autoencoder: ten convolutions of 32 kernels on MNIST
    DAE-8   report 4's denoiser: eight convolutions of 32 to 256 kernels, and back
    CAE-4   a small one, where a library's own cost for each image and batch shows
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # each framework is imported by those that build for it
    from torch import nn

    from latens.spec import ConvSpec

Words = tuple[int | str, ...]
SIDE = 28  # pixels; one channel
KERNEL = 3


@dataclass(frozen=True)
class Network:
    """An autoencoder of images `[28, 28]`; `spec` are the fields of the same network in latens."""

    name: str
    title: str
    encoder: Words
    decoder: Words
    spec: dict[str, Any]

    @property
    def parameters(self) -> int:
        """Trainable numbers: kernels, scale and shift of each normalisation, the last bias."""
        *blocks, last = self.convolutions()
        kernels = sum(KERNEL**2 * before * after for _, before, after in (*blocks, last))
        return kernels + sum(2 * after for *_, after in blocks) + last[2]

    @property
    def training_flops(self) -> int:
        """Floating-point operations to train on one image.

        A convolution multiplies and adds 9 * before * after times for each pixel that it gives. It
        does so three times: forward, for the gradient of its kernel, and for that of its input,
        which the first one need not know. All else (normalisation, pooling, loss, optimiser) is
        a few operations a number, and is left out.
        """
        forward = [2 * KERNEL**2 * s * s * i * o for s, i, o in self.convolutions()]
        return 3 * sum(forward) - forward[0]

    def convolutions(self) -> list[tuple[int, int, int]]:
        """Side, channels before and channels after of each convolution, in order."""
        return list(self._walk())

    def _walk(self) -> Iterator[tuple[int, int, int]]:
        side, before = SIDE, 1
        for word in (*self.encoder, *self.decoder):
            if isinstance(word, int):
                yield side, before, word
                before = word
            else:
                side = side // 2 if word == "pool" else side * 2
        yield side, before, 1


CAE_10 = Network(
    "cae-10", "CAE-10 (report 2's autoencoder)",
    encoder=(32, "pool", 32, "pool", 32, 32, 32),
    decoder=(32, 32, 32, 32, "up", 32, "up"),
    spec={"encoder_filters": (32,) * 5, "decoder_filters": (32,) * 5},
)  # fmt: skip
DAE_8 = Network(
    "dae-8", "DAE-8 (report 4's denoiser)",
    encoder=(32, 32, "pool", 64, 64, "pool", 128, 128, 256, 256),
    decoder=(128, 128, 64, 64, "up", 32, 32, "up"),
    spec={
        "encoder_filters": (32, 64, 128, 256), "decoder_filters": (128, 64, 32),
        "convs_per_block": 2,
    },
)  # fmt: skip
CAE_4 = Network(
    "cae-4", "CAE-4 (a small autoencoder)",
    encoder=(16, "pool", 32, "pool"),
    decoder=(32, "up", 16, "up"),
    spec={"encoder_filters": (16, 32), "decoder_filters": (32, 16)},
)  # fmt: skip
NETWORKS = {network.name: network for network in (CAE_10, DAE_8, CAE_4)}


def latens_spec(network: Network) -> ConvSpec:
    """The network as latens is asked for it."""
    from latens.spec import ConvSpec

    return ConvSpec(**network.spec)


def torch_halves(network: Network) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder and decoder as a person writes them in PyTorch; images `[B, 1, 28, 28]` in [0, 1]."""
    from torch import nn

    def layers(words: Words, before: int) -> list[nn.Module]:
        made: list[nn.Module] = []
        for word in words:
            if isinstance(word, int):
                conv = nn.Conv2d(before, word, KERNEL, padding=1, bias=False)
                made += [conv, nn.BatchNorm2d(word), nn.ReLU(inplace=True)]
                before = word
            else:
                made.append(nn.MaxPool2d(2) if word == "pool" else nn.Upsample(scale_factor=2))
        return made

    width = _width(network.encoder)
    last = nn.Conv2d(_width(network.decoder), 1, KERNEL, padding=1)
    encoder = layers(network.encoder, 1)
    return nn.Sequential(*encoder), nn.Sequential(
        *layers(network.decoder, width), last, nn.Sigmoid()
    )


def torch_network(network: Network) -> nn.Sequential:
    """Both halves in one chain."""
    from torch import nn

    return nn.Sequential(*torch_halves(network))


def keras_network(network: Network) -> Any:
    """The network in Keras, images `[B, 28, 28, 1]` in [0, 1]; not compiled."""
    import keras
    from keras import layers

    x = start = keras.Input((SIDE, SIDE, 1))
    for word in (*network.encoder, *network.decoder):
        if isinstance(word, int):
            x = layers.Conv2D(word, KERNEL, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        else:
            x = (layers.MaxPooling2D(2) if word == "pool" else layers.UpSampling2D(2))(x)
    pixels = layers.Conv2D(1, KERNEL, padding="same", activation="sigmoid")(x)
    return keras.Model(start, pixels)


def _width(words: Words) -> int:
    """Channels after the last convolution of these words."""
    return next(word for word in reversed(words) if isinstance(word, int))
