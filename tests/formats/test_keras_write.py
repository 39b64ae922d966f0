"""Every network of ours in a file that real Keras loads: the same outputs, or why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras_tiny import by_keras, by_ours, digits, last, same
from torch import nn

from latens import catalog, recipes
from latens.errors import UsageError
from latens.formats import keras as ours
from latens.formats._chain import Chain
from latens.formats._model import as_module, chain
from latens.nn.model import Model, build
from latens.spec import (
    ClassifySpec,
    ConvSpec,
    DataSpec,
    HeadSpec,
    JointSpec,
    LayersSpec,
    MLPSpec,
    PhaseSpec,
    ReconstructSpec,
    ResidualSpec,
    RunSpec,
    VaeSpec,
)
from latens.spec.layers import (
    ActivationLayer,
    ConvLayer,
    FlattenLayer,
    PermuteLayer,
    ReshapeLayer,
)

SMALL = {"encoder_filters": (4, 6), "decoder_filters": (6, 4)}
NETWORKS: dict[str, Any] = {
    "latens' own": recipes.encoder(8),
    "max": ConvSpec(**SMALL, convs_per_block=2, dropout=0.1, latent=5),
    "average": ConvSpec(**SMALL, down="average", batch_norm=False, activation="gelu"),
    "stride": ConvSpec(**SMALL, down="stride", kernel_size=(5, 4), activation="silu"),
    "transposed": ConvSpec(**SMALL, up="transposed", kernel_size=2, activation="elu", latent=7),
    "kernels of one pixel": ConvSpec(**SMALL, kernel_size=1, down="stride"),
    "tied": ConvSpec(**SMALL, tied=True, latent=5),
    "tied and strided": ConvSpec(**SMALL, tied=True, down="stride", kernel_size=(3, 2)),
    "dense": MLPSpec(hidden=(12, 9), latent=5, batch_norm=True, dropout=0.2, activation="tanh"),
    "dense and tied": MLPSpec(hidden=(12,), latent=None, tied=True),
    "residual": ResidualSpec(patch=2, widths=(4, 6), blocks=2, dropout=0.1, latent=5),
    "residual with narrow maps": ResidualSpec(patch=3, widths=(4,), blocks=1, out_filters=2),
    "spelled out": LayersSpec(
        encoder=(
            ConvLayer(name="a", filters=3, kernel_size=(3, 3), strides=(2, 2), padding="same",
                      activation="leaky_relu"),
            FlattenLayer(name="b", order="first"),
            ReshapeLayer(name="c", shape=(12, 2, 2), order="first"),
        ),
        decoder=(
            PermuteLayer(name="d", axes=(1, 0, 2), order="first"),
            ReshapeLayer(name="e", shape=(3, 4, 4), order="first"),
            ActivationLayer(name="f", function="hard_sigmoid"),
            ConvLayer(name="g", filters=4, kernel_size=(1, 1), activation="hard_sigmoid_tf"),
            ReshapeLayer(name="h", shape=(1, 8, 8)),
        ),
    ),
}  # fmt: skip
HEADS: dict[str, HeadSpec] = {
    "dense": HeadSpec(hidden=(7,)),
    "means and maxima": HeadSpec(hidden=(7,), pool="mean-max"),
    "means": HeadSpec(hidden=(), pool="mean"),
    "1-D": HeadSpec(kind="conv1d", filters=(3, 4), hidden=(5,), kernel_size=4),
    "2-D": HeadSpec(kind="conv2d", filters=(3,), hidden=(5,), kernel_size=2),
    "from a stage": HeadSpec(hidden=(7,), stage="block1"),
}


def of(network: Any, objective: Any = None, head: HeadSpec | None = None) -> tuple[Model, RunSpec]:
    """A model in which no weight is 0 or 1, and the spec of a run that would have it."""
    objective = objective or (ClassifySpec() if head else ReconstructSpec())
    task = "classify" if objective.kind in ("classify", "joint") else "pretrain"
    spec = RunSpec(
        task=task, data=DataSpec(source="digits"), encoder=network, objective=objective, head=head,
        phases=(PhaseSpec(name="all", groups=("encoder",), epochs=1),),
    )  # fmt: skip
    model = build(
        network, (1, 8, 8), decoder="decoder" in spec.parts, head=head, classes=10,
        objective=objective,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.3, 1.2, generator=generator)
    return model.eval(), spec


def answers(model: Model, part: str) -> Any:
    x = torch.from_numpy(digits())
    with torch.no_grad():
        if part == "classifier":
            return torch.softmax(model.class_logits(x), 1).numpy()
        return last((model.reconstruct(x) if part == "autoencoder" else model.encode(x)).numpy())


def require_the_same(model: Model, spec: RunSpec, part: Any, file: Path) -> None:
    """Real Keras and latens itself give for the file what the model gives."""
    ours.write(chain(model, spec, (1, 8, 8), part), file)
    loaded = keras.saving.load_model(file, compile=False)
    assert same(by_keras(loaded, last(digits())), answers(model, part))
    assert same(by_ours(file, last(digits())), answers(model, part))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", NETWORKS)
def test_autoencoders(name: str, suffix: str, tmp_path: Path) -> None:
    model, spec = of(NETWORKS[name])
    require_the_same(model, spec, "autoencoder", tmp_path / f"model{suffix}")


@pytest.mark.parametrize("name", HEADS)
def test_classifiers(name: str, tmp_path: Path) -> None:
    model, spec = of(ConvSpec(**SMALL), head=HEADS[name])
    require_the_same(model, spec, "classifier", tmp_path / "model.keras")


def test_every_network_of_ours_is_tried() -> None:
    """A new file in nn/networks needs a line in NETWORKS."""
    assert {network.kind for network in NETWORKS.values()} >= set(catalog.names("nn.networks"))


def test_encoders_alone(tmp_path: Path) -> None:
    model, spec = of(ConvSpec(**SMALL))
    require_the_same(model, spec, "encoder", tmp_path / "model.h5")


def test_joint_models_in_both_parts(tmp_path: Path) -> None:
    model, spec = of(ConvSpec(**SMALL), JointSpec(), HeadSpec(hidden=(7,)))
    require_the_same(model, spec, "classifier", tmp_path / "c.keras")
    require_the_same(model, spec, "autoencoder", tmp_path / "a.keras")


def test_shares_of_classes_go_into_the_scores(tmp_path: Path) -> None:
    model, spec = of(ConvSpec(**SMALL), ClassifySpec(balance="logit-adjustment"), HEADS["means"])
    model.set_class_counts(torch.arange(1, 11))
    require_the_same(model, spec, "classifier", tmp_path / "model.keras")


def test_a_vae_by_way_of_the_mean(tmp_path: Path) -> None:
    model, spec = of(ConvSpec(**SMALL), VaeSpec(latent=3))
    require_the_same(model, spec, "autoencoder", tmp_path / "model.keras")
    assert "mean" in chain(model, spec, (1, 8, 8), "autoencoder").notes[0]


def test_tied_weights_are_said_to_be_copied() -> None:
    model, spec = of(NETWORKS["tied"])
    assert "copied" in chain(model, spec, (1, 8, 8), "autoencoder").notes[0]


def test_a_file_scores_one_view_and_says_so() -> None:
    model, spec = of(ConvSpec(**SMALL), ClassifySpec(), HeadSpec(hidden=(7,), views="mirror"))
    found = chain(model, spec, (1, 8, 8), "classifier")
    assert "2 views" in found.notes[0]
    images = torch.rand(3, 1, 8, 8)
    wanted = torch.softmax(model.eval().view_logits(images), 1)
    assert torch.allclose(as_module(found)(images), wanted, atol=1e-6)
    assert not torch.allclose(torch.softmax(model.class_logits(images), 1), wanted, atol=1e-6)


def test_a_vae_that_is_told_the_class_is_not_applicable() -> None:
    model, spec = of(ConvSpec(**SMALL), VaeSpec(conditional=True))
    with pytest.raises(UsageError, match="told the class is not applicable") as caught:
        chain(model, spec, (1, 8, 8), "autoencoder")
    assert caught.value.code == "not-applicable"


class Strange(nn.Module):
    """A layer that no format has."""


def test_a_module_that_no_layer_stands_for_is_named() -> None:
    model, spec = of(ConvSpec(**SMALL))
    model.encoder.append(Strange())
    with pytest.raises(UsageError, match="Strange in the encoder is not applicable") as caught:
        chain(model, spec, (1, 8, 8), "encoder")
    assert caught.value.code == "not-applicable"


class Turned(nn.Sequential):
    """Layers of ours in another order than they stand in."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = super().forward(x.flip(3))
        return result


def test_layers_that_are_joined_in_another_way_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from latens.formats import _modules

    model, spec = of(ConvSpec(**SMALL))
    model.encoder[0] = Turned(*model.encoder[0])
    monkeypatch.setitem(_modules._WALKERS, Turned, _modules._each)
    with pytest.raises(UsageError, match="in a row give something else") as caught:
        chain(model, spec, (1, 8, 8), "encoder")
    assert caught.value.code == "not-applicable"


def test_pooling_that_overlaps_is_not_applicable() -> None:
    model, spec = of(ConvSpec(**SMALL))
    model.encoder.append(nn.MaxPool2d(2, stride=1))
    with pytest.raises(UsageError, match="do not overlap") as caught:
        chain(model, spec, (1, 8, 8), "encoder")
    assert caught.value.code == "not-applicable"


def test_a_part_that_is_not_there() -> None:
    model, spec = of(ConvSpec(**SMALL))
    with pytest.raises(UsageError, match="with a head") as caught:
        chain(model, spec, (1, 8, 8), "classifier")
    assert caught.value.code == "no-such-part"


def test_a_file_is_named_for_its_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        ours.write(Chain((1, 8, 8), (), {}), tmp_path / "model.onnx")
    assert caught.value.code == "bad-suffix" and "model.keras" in caught.value.hint


def test_the_same_model_makes_the_same_archive(tmp_path: Path) -> None:
    model, spec = of(ConvSpec(**SMALL))
    found = chain(model, spec, (1, 8, 8), "autoencoder")
    for name in ("a.keras", "b.keras"):
        ours.write(found, tmp_path / name)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_weights_alone_are_matched_to_a_chain_of_ours(tmp_path: Path) -> None:
    """A run exported, trained on in Keras, and its weights read back."""
    model, spec = of(NETWORKS["max"])
    found = chain(model, spec, (1, 8, 8), "autoencoder")
    ours.write(found, tmp_path / "model.keras")
    there = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    there.set_weights([weight + 0.1 for weight in there.get_weights()])
    there.save_weights(tmp_path / "w.weights.h5")
    given = by_ours(tmp_path / "w.weights.h5", last(digits()), like=found)
    assert same(given, by_keras(there, last(digits())))


def test_many_layers_have_a_list_of_names_in_pieces(tmp_path: Path) -> None:
    """An attribute of HDF5 holds 64 kB; Keras cuts longer lists up, and so do we."""
    layers = tuple(ActivationLayer(name=f"{'long' * 40}_{i}", function="tanh") for i in range(500))
    conv = ConvLayer(name="conv", filters=1, kernel_size=(1, 1))
    weights = {
        "conv": {"kernel": np.ones((1, 1, 1, 1), np.float32), "bias": np.ones(1, np.float32)}
    }
    ours.write(Chain((1, 8, 8), (conv, *layers), weights), tmp_path / "model.h5")
    found = ours.read(tmp_path / "model.h5")
    assert len(found.layers) == 501 and np.array_equal(found.weights["conv"]["bias"], [1])
    assert isinstance(as_module(found), nn.Sequential)
