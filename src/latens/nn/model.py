"""The model: an encoder, and a decoder or a head or both, each an attribute.

Reusing an encoder is `model.encoder`; what lies inside it can be read by the names of its stages.
Shape letters: B batch, C channels, H height, W width, D numbers in a code, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latens import catalog
from latens.choices import Views
from latens.errors import UsageError, unknown_name
from latens.nn.head import Head
from latens.nn.networks import layers
from latens.nn.variational import Variational
from latens.nn.views import views
from latens.spec import (
    EncoderSpec,
    HeadSpec,
    JointSpec,
    LayersHeadSpec,
    ObjectiveSpec,
    VaeSpec,
)

Shape = tuple[int, ...]


class Model(nn.Module):
    """An encoder with what stands on it.

    Attributes:
        encoder: a chain of named stages; `feature_shape` is what it gives of an image.
        decoder: features to pixel logits, or None; for a VAE a `Variational`.
        head: features to class scores, or None.
        head_stage: the stage whose features the head reads; None for the last.
        log_prior: float32 `[K]`, logarithms of the class shares that are subtracted from the
            scores outside training (logit adjustment), or None.
        squash: whether what the decoder gives are logits, which a sigmoid makes pixels of; if not
            they are pixels already, as those of some networks that others trained.
        views: those of an image over which class scores are averaged outside training.
    """

    log_prior: Tensor | None

    def __init__(
        self,
        encoder: nn.Sequential,
        feature_shape: Shape,
        decoder: nn.Module | None = None,
        head: nn.Module | None = None,
        head_stage: str | None = None,
        log_prior: Tensor | None = None,
        squash: bool = True,
        views: Views = "none",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.feature_shape = feature_shape
        self.head_stage = head_stage
        self.squash = squash
        self.views: Views = views
        self.register_buffer("log_prior", log_prior)

    @property
    def code_size(self) -> int:
        """How many numbers are kept of an image: those that the decoder gets."""
        if isinstance(self.decoder, Variational):
            return self.decoder.latent
        return math.prod(self.feature_shape)

    def stages(self) -> tuple[str, ...]:
        """The names of the encoder's stages, from the image on."""
        return tuple(name for name, _ in self.encoder.named_children())

    def encode(self, x_BCHW: Tensor) -> Tensor:
        """Features `[B, *feature_shape]` of float images in [0, 1]."""
        features: Tensor = self.encoder(x_BCHW)
        return features

    def features(self, x_BCHW: Tensor, stage: str | None = None) -> Tensor:
        """Features after `stage`, `[B, ...]`; after the last if it is None.

        Raises `UsageError`, with the names there are, for an unknown stage.
        """
        if stage is None:
            return self.encode(x_BCHW)
        features: Tensor = self.encoder[: _count(self.stages(), stage)](x_BCHW)
        return features

    def pixel_logits(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Reconstructed pixels before the sigmoid, float `[B, C, H, W]`.

        `labels_B` (int64) are for a VAE that is conditional on the class, which raises `DataError`
        without them; every other decoder does without.
        """
        return self._decode(self.encoder(x_BCHW), labels_B)

    def reconstruct(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """The images as the autoencoder gives them back, float `[B, C, H, W]`, in [0, 1] where
        `squash` is true."""
        return self.pixels(self.pixel_logits(x_BCHW, labels_B))

    def pixels(self, logits_BCHW: Tensor) -> Tensor:
        """The pixels that the decoder means."""
        return torch.sigmoid(logits_BCHW) if self.squash else logits_BCHW

    def class_logits(self, x_BCHW: Tensor) -> Tensor:
        """Class scores before the softmax, float `[B, K]`; outside training the mean over the
        `views` of each image."""
        if self.training or self.views == "none":
            return self.view_logits(x_BCHW)
        return torch.stack([self.view_logits(v) for v in views(x_BCHW, self.views)]).mean(0)

    def view_logits(self, x_BCHW: Tensor) -> Tensor:
        """Class scores of the images as they are, float `[B, K]`."""
        return self._score(self.features(x_BCHW, self.head_stage))

    def both_logits(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """`pixel_logits` and `class_logits`, in training of one pass through the encoder."""
        if not (self.training or self.views == "none"):
            return self.pixel_logits(x_BCHW), self.class_logits(x_BCHW)
        count = _count(self.stages(), self.head_stage)
        read = self.encoder[:count](x_BCHW)
        return self._decode(self.encoder[count:](read)), self._score(read)

    def set_class_counts(self, counts_K: Tensor) -> None:
        """Tell a model with logit adjustment how many training images each class has (int64)."""
        if self.log_prior is not None:
            counts = counts_K.clamp(min=1).to(self.log_prior)
            self.log_prior.copy_((counts / counts.sum()).log())

    def _decode(self, features: Tensor, labels_B: Tensor | None = None) -> Tensor:
        assert self.decoder is not None, "this model has no decoder"
        told = (labels_B,) if isinstance(self.decoder, Variational) else ()
        logits: Tensor = self.decoder(features, *told)
        return logits

    def _score(self, features: Tensor) -> Tensor:
        """The head's scores; in training they are left as they are (Menon et al. 2021, 4.1)."""
        assert self.head is not None, "this model has no head"
        logits: Tensor = self.head(features)
        if self.log_prior is None or self.training:
            return logits
        return logits - self.log_prior


def build(
    spec: EncoderSpec,
    image_shape: tuple[int, int, int],
    *,
    decoder: bool = False,
    head: HeadSpec | LayersHeadSpec | None = None,
    classes: int = 0,
    seed: int = 0,
    objective: ObjectiveSpec | None = None,
) -> Model:
    """A freshly initialised model for images `[C, H, W]`; the seed alone decides its weights.

    The `objective` says what else belongs to the model: the random code of a VAE, the learned
    weights of joint training, the class shares of logit adjustment.

    Raises `UsageError` if the network does not fit the image, or the head the network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        room = catalog.load("nn.networks", spec.kind)
        squash = bool(getattr(spec, "squashed", True))
        if not squash and isinstance(objective, VaeSpec):
            raise _no_sigmoid()
        encoder, feature_shape = room.build_encoder(spec, image_shape)
        back = room.build_decoder(spec, image_shape, encoder) if decoder else None
        if back is not None and isinstance(objective, VaeSpec):
            back = Variational(objective, feature_shape, back, classes)
        top = _head(head, encoder, image_shape, classes) if head else None
    if isinstance(top, Head) and isinstance(objective, JointSpec) and objective.learned:
        weights = torch.tensor((objective.reconstruct_weight, objective.classify_weight))
        top.log_weights = nn.Parameter(weights.log())
    adjusted = getattr(objective, "balance", "none") == "logit-adjustment"
    prior = torch.zeros(classes) if top is not None and adjusted else None
    seen = head.views if isinstance(head, HeadSpec) else "none"
    stage = head.stage if head else None
    return Model(encoder, feature_shape, back, top, stage, prior, squash, seen)


def count_parameters(module: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(p.numel() for p in module.parameters())


def _count(stages: tuple[str, ...], stage: str | None) -> int:
    """How many stages there are up to this one, with it."""
    if stage is None:
        return len(stages)
    if stage not in stages:
        raise unknown_name("stage", stage, stages)
    return stages.index(stage) + 1


@torch.no_grad()
def _head(
    spec: HeadSpec | LayersHeadSpec, encoder: nn.Sequential, image: Shape, classes: int
) -> nn.Module:
    """A head for the features that the stage gives of an image."""
    names = tuple(name for name, _ in encoder.named_children())
    count = _count(names, spec.stage)
    shape = encoder.eval()[:count](torch.zeros(1, *image)).shape[1:]
    encoder.train()
    if isinstance(spec, LayersHeadSpec):
        return layers.build_head(spec, tuple(shape), classes)
    return Head(spec, tuple(shape), classes, names)


def _no_sigmoid() -> UsageError:
    return UsageError(
        "Expected a decoder that ends in a sigmoid for the objective vae; this one gives pixels as "
        "they come.",
        hint="End encoder.decoder in a layer whose activation is sigmoid.",
        code="bad-spec",
    )
