"""Tied weights: the decoder is the encoder's transpose, and nothing is there twice."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from core_tiny import new_run, phase, same, training, weights
from hypothesis import given, settings
from hypothesis import strategies as st

from latens.errors import UsageError
from latens.nn.layers import same_conv
from latens.nn.model import build, count_parameters
from latens.nn.tied import TiedConv, TiedLinear
from latens.spec import ConvSpec, MLPSpec, mirrored, parse
from latens.train import checkpoint
from latens.train.loop import fit

CONV = ConvSpec(encoder_filters=(3, 4), decoder_filters=(4, 3), latent=5, tied=True)
MLP = MLPSpec(hidden=(7, 6), latent=3, tied=True)
SPECS: dict[str, Any] = {"conv": CONV, "mlp": MLP}
every = pytest.mark.parametrize("kind", SPECS)


@given(st.integers(1, 6), st.sampled_from([1, 2]), st.integers(1, 11), st.integers(1, 11))
@settings(max_examples=60, deadline=None)
def test_a_tied_convolution_is_the_transpose(k: int, stride: int, height: int, width: int) -> None:
    """<conv x, y> = <x, transpose y> for every x and y is what a transpose is."""
    torch.manual_seed(k)
    forth = same_conv(2, 3, k, stride=stride, bias=False).double()
    conv = next(m for m in forth.modules() if isinstance(m, torch.nn.Conv2d))
    back = TiedConv(conv, (height, width), bias=False)
    x = torch.randn(2, 2, height, width, dtype=torch.float64)
    y = torch.randn_like(forth(x))
    assert back(y).shape == x.shape
    assert torch.allclose((forth(x) * y).sum(), (x * back(y)).sum())


def test_a_tied_matrix_is_the_transpose() -> None:
    dense, y = torch.nn.Linear(5, 3), torch.randn(4, 3)
    back = TiedLinear(dense)
    with torch.no_grad():
        assert back.bias is not None
        back.bias.normal_()
    assert torch.allclose(back(y), y @ dense.weight + back.bias)


def test_the_whole_decoder_as_written_out() -> None:
    spec = ConvSpec(
        encoder_filters=(3, 4), decoder_filters=(4, 3), down_after=(2,), batch_norm=False, tied=True
    )
    model = build(spec, (2, 9, 8), decoder=True)
    assert model.decoder is not None
    first, second = (m.weight for m in model.encoder.modules() if isinstance(m, torch.nn.Conv2d))
    inner, last = (p for n, p in model.decoder.named_parameters() if n.endswith("bias"))
    torch.nn.init.normal_(inner)
    torch.nn.init.normal_(last)
    features = torch.rand(2, *model.feature_shape)
    wide = F.interpolate(features, size=(9, 8))
    wide = F.conv_transpose2d(wide, second, inner, padding=1).relu()
    wide = F.conv_transpose2d(wide, first, last, padding=1)
    assert torch.allclose(model.decoder(features), wide, atol=1e-6)


@every
def test_shared_weights_are_counted_and_saved_once(kind: str) -> None:
    model = build(SPECS[kind], (1, 8, 8), decoder=True)
    assert model.decoder is not None
    assert all(p.ndim == 1 for p in model.decoder.parameters()), "a decoder with its own weights"
    assert count_parameters(model) == sum(p.numel() for p in model.parameters())
    pointers = [value.data_ptr() for value in model.state_dict().values() if value.numel()]
    assert len(pointers) == len(set(pointers))


def test_tied_parameters_as_counted_by_hand() -> None:
    model = build(MLP, (1, 8, 8), decoder=True)
    matrices = 64 * 7 + 7 * 6 + 6 * 3
    assert count_parameters(model) == matrices + (7 + 6 + 3) + (6 + 7 + 64)


@every
def test_gradients_come_both_ways(kind: str) -> None:
    model = build(SPECS[kind], (1, 8, 8), decoder=True)
    features = torch.rand(3, *model.feature_shape)
    assert model.decoder is not None
    model.decoder(features).square().sum().backward()
    matrices = [p for p in model.encoder.parameters() if p.ndim > 1]
    assert all(p.grad is not None and p.grad.any() for p in matrices)


@every
def test_they_stay_tied_in_a_copy(kind: str) -> None:
    twin = deepcopy(build(SPECS[kind], (1, 8, 8), decoder=True)).eval()
    features = torch.rand(2, *twin.feature_shape)
    assert twin.decoder is not None
    before = twin.decoder(features)
    with torch.no_grad():
        for parameter in twin.encoder.parameters():
            parameter.mul_(2)
    assert not torch.equal(twin.decoder(features), before)


@every
def test_they_train_are_saved_and_come_back(kind: str, tmp_path: Path) -> None:
    model = build(SPECS[kind], (1, 8, 8), decoder=True)
    move = (phase(("encoder", "decoder"), learning_rate=1e-2),)
    t = training("reconstruct", move, new_run(tmp_path / "run"), model=model)
    fit(t)
    assert t.run
    other = build(SPECS[kind], (1, 8, 8), decoder=True, seed=9)
    checkpoint.load_model(t.run, other)
    assert same(weights(model), weights(other))
    images = torch.rand(4, 1, 8, 8)
    assert torch.allclose(model.eval().reconstruct(images), other.eval().reconstruct(images))


@pytest.mark.parametrize("layers", [4, 5, 6])
@pytest.mark.parametrize("doubling", [True, False])
@pytest.mark.parametrize("down", ["max", "stride"])
@pytest.mark.parametrize("convs", [1, 2])
@pytest.mark.parametrize("kernel", [2, 3])
def test_every_mirrored_network_can_be_tied(
    layers: int, doubling: bool, down: Any, convs: int, kernel: int
) -> None:
    encoder, decoder = mirrored(layers, 2, doubling=doubling)
    spec = ConvSpec(
        encoder_filters=encoder, decoder_filters=decoder, down=down, kernel_size=kernel,
        convs_per_block=convs, tied=True, up="transposed", dropout=0.1,
    )  # fmt: skip
    model = build(spec, (3, 13, 10), decoder=True)
    assert model.reconstruct(torch.rand(2, 3, 13, 10)).shape == (2, 3, 13, 10)


def test_a_decoder_that_does_not_mirror_is_told() -> None:
    spec = parse(ConvSpec, {"encoder_filters": (2, 4), "decoder_filters": (2, 4), "tied": True})
    with pytest.raises(UsageError, match=r"mirrors the encoder.*\[2, 4\]") as caught:
        build(spec, (1, 8, 8), decoder=True)
    assert caught.value.code == "not-mirrored"
    assert "[4, 2]" in caught.value.hint
    assert build(spec, (1, 8, 8)).decoder is None
