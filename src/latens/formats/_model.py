"""A trained model of ours as a chain of layers, and a chain as a model's parts.

An autoencoder's chain is encoder, decoder and the sigmoid that latens keeps out of its decoders;
a classifier's is encoder (up to the stage that the head reads), head and softmax.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from latens.errors import UsageError
from latens.formats._chain import Array, Chain, fill, taken
from latens.formats._modules import Walk
from latens.nn.chain.modules import chain as built
from latens.nn.chain.shapes import Shape, after
from latens.nn.model import Model
from latens.nn.networks.layers import without
from latens.nn.variational import Variational
from latens.nn.views import COUNTS
from latens.spec import HeadSpec, RunSpec
from latens.spec.layers import ActivationLayer, Layer, LayersHeadSpec, LayersSpec

What = Literal["encoder", "autoencoder", "classifier"]
Part = tuple[list[Layer], dict[str, dict[str, Array]]]


def chain(model: Model, spec: RunSpec, image_shape: tuple[int, int, int], what: What) -> Chain:
    """The encoder, autoencoder or classifier of a model.

    Raises `UsageError`: ``not-applicable`` with the reason, ``no-such-part`` where the run has
    no decoder or head.
    """
    count = _count(model, what)
    layers, weights = _encoder(model, spec, image_shape, count)
    shape = after(layers, image_shape)
    if what == "autoencoder":
        more = _decoder(model, spec, shape)
    elif what == "classifier":
        more = _head(model, spec, shape)
    else:
        more = [], {}
    found = Chain(
        image_shape, (*layers, *more[0]), {**weights, **more[1]}, notes=_notes(spec, what)
    )
    _require_same(found, model, what)
    return found


def _count(model: Model, what: What) -> int:
    """How many stages of the encoder belong to it."""
    part = {"encoder": "encoder", "autoencoder": "decoder", "classifier": "head"}[what]
    if getattr(model, part) is None:
        raise UsageError(
            f"Expected a run with a {part} to export its {what}; this one has none.",
            hint="Leave --part out for what the run was trained for.",
            code="no-such-part",
        )
    stages = model.stages()
    if what == "classifier" and model.head_stage is not None:
        return stages.index(model.head_stage) + 1
    return len(stages)


def _encoder(model: Model, spec: RunSpec, shape: Shape, count: int) -> Part:
    if isinstance(spec.encoder, LayersSpec):
        layers = spec.encoder.encoder[:count]
        return list(layers), taken(model.encoder, layers)
    return _walked("encoder", shape, model.encoder[:count])


def _decoder(model: Model, spec: RunSpec, shape: Shape) -> Part:
    decoder = model.decoder
    assert decoder is not None
    layers: list[Layer] = []
    weights: dict[str, dict[str, Array]] = {}
    if isinstance(decoder, Variational):
        layers, weights = _code(decoder, shape)
        shape, decoder = after(layers, shape), decoder.decoder
    if isinstance(spec.encoder, LayersSpec):
        own = spec.encoder.decoder
        assert isinstance(decoder, nn.Sequential)
        return [*layers, *own], {**weights, **taken(decoder, without(own, "sigmoid"))}
    more = _walked("decoder", shape, decoder)
    end = ActivationLayer(name="pixels", function="sigmoid")
    return [*layers, *more[0], end], {**weights, **more[1]}


def _code(between: Variational, shape: Shape) -> Part:
    """The way of a VAE through the mean of its code, which is how it gives images back."""
    if between.classes:
        raise UsageError(
            "Expected a network that reads images alone; a VAE that is told the class is not "
            "applicable.",
            hint="Its file would need a second input; export a run without --conditional.",
            code="not-applicable",
        )
    flat = [nn.Flatten()] if len(shape) > 1 else []
    return _walked("code", shape, nn.Sequential(*flat, between.mean, between.back))


def _head(model: Model, spec: RunSpec, shape: Shape) -> Part:
    head = model.head
    assert head is not None
    if isinstance(spec.head, LayersHeadSpec):
        assert isinstance(head, nn.Sequential)
        layers = list(spec.head.layers)
        return layers, taken(head, without(layers, "softmax"))
    found, weights = _walked("head", shape, head)
    if model.log_prior is not None:  # what latens subtracts from the scores goes into their bias
        last = weights[found[-1].name]
        last["bias"] = last["bias"] - model.log_prior.cpu().numpy()
    return [*found, ActivationLayer(name="probabilities", function="softmax")], weights


def _walked(part: str, shape: Shape, module: nn.Module) -> Part:
    walk = Walk(part, shape)
    walk.over(module)
    return walk.layers, walk.weights


def _notes(spec: RunSpec, what: What) -> tuple[str, ...]:
    found = []
    if getattr(spec.encoder, "tied", False) and what == "autoencoder":
        found.append("The tied weights are copied: the file does not know that they are the same.")
    if spec.objective.kind == "vae" and what == "autoencoder":
        found.append("The code is the mean of what the VAE would draw, as latens evaluates it.")
    seen = spec.head.views if isinstance(spec.head, HeadSpec) else "none"
    if what == "classifier" and seen != "none":
        found.append(
            f"The file scores an image as it is, where latens takes the mean over {COUNTS[seen]} "
            "views of it."
        )
    return tuple(found)


@torch.no_grad()
def _require_same(found: Chain, model: Model, what: What) -> None:
    """Raise `UsageError` (``not-applicable``) if the chain does not do what the model does.

    A network of another package may have layers of ours and still join them in its own way.
    """
    model.eval().cpu()
    x_BCHW = torch.rand(2, *found.image_shape, generator=torch.Generator().manual_seed(0))
    ways: dict[What, Any] = {
        "encoder": model.encode,
        "autoencoder": model.reconstruct,
        "classifier": lambda x: torch.softmax(model.view_logits(x), 1),
    }
    given, wanted = as_module(found)(x_BCHW), ways[what](x_BCHW)
    if given.shape != wanted.shape or not torch.allclose(given, wanted, rtol=1e-4, atol=1e-5):
        raise UsageError(
            f"Expected a network whose {what} is its layers in a row; this one is not applicable: "
            "its layers in a row give something else.",
            hint="Export a run of another network.",
            code="not-applicable",
        )


def as_module(chain: Chain) -> nn.Sequential:
    """The module of a whole chain, in evaluation mode, with its weights."""
    module = built(chain.layers, chain.image_shape)
    fill(module, chain.layers, chain.weights)
    return module.eval()
