"""Networks: any size comes back in its own, parameters as counted by hand, one seed one network."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
import torch
from core_tiny import same, weights
from hypothesis import given, settings
from hypothesis import strategies as st

from latens import catalog
from latens.errors import UsageError
from latens.nn.model import Model, build, count_parameters
from latens.nn.networks.residual import ResidualBlock
from latens.spec import (
    ConvSpec,
    HeadSpec,
    LayersSpec,
    MLPSpec,
    ResidualSpec,
    mirrored,
    parse,
)

REPORT_2 = ConvSpec()
DAE_8 = ConvSpec(
    encoder_filters=(32, 64, 128, 256),
    decoder_filters=(128, 64, 32),
    convs_per_block=2,
)


@st.composite
def conv_specs(draw: st.DrawFn) -> ConvSpec:
    """Convolutional networks of every kind, narrow ones."""
    down = draw(st.integers(1, 3))
    up = draw(st.integers(1, 3))
    halved = draw(st.sets(st.integers(1, down), max_size=min(down, up)))
    kernels = st.integers(1, 6)
    return ConvSpec(
        encoder_filters=tuple(draw(st.integers(1, 4)) for _ in range(down)),
        decoder_filters=tuple(draw(st.integers(1, 4)) for _ in range(up)),
        convs_per_block=draw(st.integers(1, 2)),
        kernel_size=draw(kernels | st.tuples(*[kernels] * down)),
        down_after=tuple(sorted(halved)),
        down=draw(st.sampled_from(["max", "average", "stride"])),
        up=draw(st.sampled_from(["nearest", "transposed"])),
        batch_norm=draw(st.booleans()),
        dropout=draw(st.sampled_from([0.0, 0.2])),
        activation=draw(st.sampled_from(["relu", "gelu", "silu", "elu", "tanh"])),
        latent=draw(st.none() | st.integers(1, 5)),
    )


MLP_SPECS = st.builds(
    MLPSpec,
    hidden=st.lists(st.integers(1, 8), max_size=3).map(tuple),
    latent=st.integers(1, 5),
    batch_norm=st.booleans(),
    dropout=st.sampled_from([0.0, 0.2]),
    tied=st.booleans(),
)
RESIDUAL_SPECS = st.builds(
    ResidualSpec,
    patch=st.integers(1, 9),
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    blocks=st.integers(1, 2),
    out_filters=st.none() | st.integers(1, 3),
    dropout=st.sampled_from([0.0, 0.2]),
    latent=st.none() | st.integers(1, 5),
)


def assert_comes_back(spec: Any, shape: tuple[int, int, int]) -> None:
    model = build(spec, shape, decoder=True)
    images = torch.rand(2, *shape).contiguous(memory_format=torch.channels_last)
    for mode in (True, False):
        model.train(mode)
        back = model.reconstruct(images)
        assert back.shape == images.shape
        assert back.min() >= 0
        assert back.max() <= 1
        assert model.encode(images).shape[1:] == model.feature_shape


@given(conv_specs(), st.integers(1, 4), st.integers(8, 40), st.integers(8, 40))
@settings(max_examples=60, deadline=None)
def test_any_size_comes_back(spec: ConvSpec, channels: int, height: int, width: int) -> None:
    assert_comes_back(spec, (channels, height, width))


@given(MLP_SPECS, st.integers(1, 4), st.integers(8, 12), st.integers(8, 12))
@settings(max_examples=20, deadline=None)
def test_dense_networks_too(spec: MLPSpec, channels: int, height: int, width: int) -> None:
    assert_comes_back(spec, (channels, height, width))


@given(RESIDUAL_SPECS, st.integers(1, 4), st.integers(8, 40), st.integers(8, 40))
@settings(max_examples=40, deadline=None)
def test_residual_networks_too(spec: Any, channels: int, height: int, width: int) -> None:
    if spec.patch > 2 and len(spec.widths) > 1:  # 8 pixels are too few patches to be halved
        spec = parse(ResidualSpec, {**dict(spec), "patch": 2})
    assert_comes_back(spec, (channels, height, width))


@pytest.mark.parametrize("size", [(255, 256), (256, 8), (97, 201)])
def test_large_and_oblong_images_in_patches(size: tuple[int, int]) -> None:
    assert_comes_back(ResidualSpec(widths=(2, 3), blocks=1, patch=7), (3, *size))


@pytest.mark.parametrize("down", ["max", "average", "stride"])
@pytest.mark.parametrize("up", ["nearest", "transposed"])
@pytest.mark.parametrize("size", [(255, 256), (256, 8), (97, 201)])
def test_large_and_oblong_images(down: Any, up: Any, size: tuple[int, int]) -> None:
    spec = ConvSpec(
        encoder_filters=(2,) * 4, decoder_filters=(2,) * 3, down_after=(1, 2, 4), down=down, up=up
    )
    assert_comes_back(spec, (3, *size))


def conv_numbers(kernel: int, *filters: int) -> int:
    """Weights of a chain of convolutions without bias, each with the two of batch normalisation."""
    return sum(kernel * kernel * a * b + 2 * b for a, b in pairwise(filters))


def test_report_2_has_the_parameters_counted_by_hand() -> None:
    model = build(REPORT_2, (1, 28, 28), decoder=True)
    # 9·1·32 + 64, nine times 9·32·32 + 64, and one kernel 9·32·1 with its bias.
    assert count_parameters(model) == 352 + 9 * 9_280 + 289 == 84_161
    assert model.feature_shape == (32, 7, 7)
    assert model.code_size == 1_568


def test_report_4s_denoiser_can_be_said() -> None:
    model = build(DAE_8, (1, 28, 28), decoder=True)
    encoder = conv_numbers(3, 1, 32, 32, 64, 64, 128, 128, 256, 256)
    decoder = conv_numbers(3, 256, 128, 128, 64, 64, 32, 32) + 9 * 32 + 1
    assert count_parameters(model.encoder) == encoder
    assert count_parameters(model) == encoder + decoder


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_a_dense_code_costs_two_matrices(kernel: int) -> None:
    spec = ConvSpec(encoder_filters=(4,), decoder_filters=(4,), kernel_size=kernel, down_after=(1,))
    plain = count_parameters(build(spec, (1, 8, 8), decoder=True))
    coded = count_parameters(
        build(parse(ConvSpec, {**dict(spec), "latent": 5}), (1, 8, 8), decoder=True)
    )
    assert coded - plain == (64 * 5 + 5) + (5 * 64 + 64)


def test_an_encoder_has_nothing_of_the_decoder() -> None:
    alone, whole = build(REPORT_2, (1, 28, 28)), build(REPORT_2, (1, 28, 28), decoder=True)
    assert alone.decoder is None and alone.head is None
    assert count_parameters(alone) == count_parameters(whole.encoder) == 352 + 4 * 9_280
    encoder, decoder = (
        set(map(id, m.parameters())) for m in (whole.encoder, whole.decoder or alone)
    )
    assert encoder and decoder and not encoder & decoder


CONV = {"kind": "conv", "kernel_size": (3, 3), "padding": "same"}
SPELLED_OUT = parse(
    LayersSpec,
    {
        "encoder": (
            {**CONV, "name": "maps", "filters": 4, "strides": (2, 2), "activation": "relu"},
            {"kind": "batch-norm", "name": "norm"},
            {"kind": "flatten", "name": "row"},
            {"kind": "dense", "name": "code", "units": 6},
        ),
        "decoder": (
            {"kind": "dense", "name": "back", "units": 72},
            {"kind": "reshape", "name": "small", "shape": (2, 6, 6)},
            {"kind": "up-sample", "name": "large"},
            {**CONV, "name": "pixels", "filters": 1, "activation": "sigmoid"},
        ),
    },
)
NETWORKS: dict[str, Any] = {
    "conv": parse(ConvSpec, {**dict(REPORT_2), "latent": 6}),
    "layers": SPELLED_OUT,
    "mlp": MLPSpec(hidden=(16, 8)),
    "residual": ResidualSpec(widths=(4, 6), blocks=1, patch=2, out_filters=3, latent=6),
}
STAGES = {
    "conv": ("block1", "block2", "block3", "block4", "block5", "code"),
    "layers": ("maps", "norm", "row", "code"),
    "mlp": ("layer1", "layer2", "code"),
    "residual": ("patch", "stage1", "stage2", "out", "code"),
}
every = pytest.mark.parametrize("kind", NETWORKS)


def network(kind: str, **changes: Any) -> Model:
    return build(NETWORKS[kind], (1, 12, 12), decoder=True, head=HeadSpec(), classes=3, **changes)


def test_every_network_is_tried_here() -> None:
    assert set(NETWORKS) == set(catalog.names("nn.networks"))


@every
def test_the_seed_alone_decides_the_weights(kind: str) -> None:
    torch.manual_seed(1)
    first = weights(network(kind, seed=7))
    torch.manual_seed(2)
    assert same(first, weights(network(kind, seed=7)))
    assert not same(first, weights(network(kind, seed=8)))


@every
def test_the_same_encoder_begins_with_and_without_a_decoder(kind: str) -> None:
    alone = build(NETWORKS[kind], (1, 12, 12), seed=7)
    assert same(weights(alone.encoder), weights(network(kind, seed=7).encoder))


def test_building_leaves_the_callers_random_state() -> None:
    state = torch.get_rng_state()
    network("conv", seed=7)
    assert torch.equal(state, torch.get_rng_state())


@every
def test_stages_are_named_and_can_be_read(kind: str) -> None:
    model, images = network(kind).eval(), torch.rand(2, 1, 12, 12)
    assert model.stages() == STAGES[kind]
    features = images
    for name, stage in model.encoder.named_children():
        before = features.clone()
        read, features = model.features(images, name), stage(features)
        assert torch.equal(read, model.encoder[: STAGES[kind].index(name) + 1](images))
        if name != STAGES[kind][0]:
            assert torch.equal(features, stage(before)), f"{name} changes what it is given"
    assert torch.equal(model.features(images), model.encode(images))


@every
def test_an_unknown_stage_is_told_with_the_known_ones(kind: str) -> None:
    with pytest.raises(UsageError, match=", ".join(sorted(STAGES[kind]))) as caught:
        network(kind).features(torch.rand(2, 1, 12, 12), "nowhere")
    assert caught.value.code == "unknown-stage"


@every
@pytest.mark.parametrize("training", [True, False])
def test_the_layout_in_memory_does_not_matter(kind: str, training: bool) -> None:
    model, images = network(kind).train(training).double(), torch.rand(4, 1, 12, 12).double()
    plain = model.reconstruct(images)
    last = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    given = last.reconstruct(images.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(plain, given, atol=1e-9)


@every
def test_a_copy_stands_alone(kind: str) -> None:
    model, images = network(kind).eval(), torch.rand(2, 1, 12, 12)
    twin, before = deepcopy(model), model.reconstruct(images)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(twin.reconstruct(images), before)
    assert not torch.equal(model.reconstruct(images), before)


def test_too_few_patches_are_told() -> None:
    with pytest.raises(UsageError, match="1x1 is one pixel before stage 2") as caught:
        build(ResidualSpec(widths=(2, 2), patch=8), (1, 8, 8))
    assert caught.value.code == "too-small"
    assert "encoder.widths" in caught.value.hint


def test_a_residual_block_can_be_the_identity() -> None:
    block = ResidualBlock(ResidualSpec(), 3)
    torch.nn.init.zeros_(block.change[-1].weight)
    images = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(images), images)


def test_residual_parameters_as_counted_by_hand() -> None:
    model = build(ResidualSpec(widths=(8,), blocks=2, out_filters=3), (1, 28, 28), decoder=True)
    block = 2 * (9 * 8 * 8 + 2 * 8)
    encoder = (16 * 8 + 8) + 2 * block + 2 * 8 + (8 * 3 + 3)
    decoder = (3 * 8 + 8) + 2 * block + 2 * 8 + (16 * 8 + 1)
    assert count_parameters(model.encoder) == encoder
    assert count_parameters(model) == encoder + decoder
    assert model.feature_shape == (3, 7, 7)


def test_too_small_an_image_is_told() -> None:
    spec = ConvSpec(encoder_filters=(2,) * 4, decoder_filters=(2,) * 4, down_after=(1, 2, 3, 4))
    with pytest.raises(UsageError, match="5x7 is one pixel before block 4") as caught:
        build(spec, (1, 5, 7), decoder=True)
    assert caught.value.code == "too-small"
    assert "--size" in caught.value.hint


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_convolutions_round_up(kernel: int, stride: int) -> None:
    from latens.nn.layers import same_conv

    for size in range(1, 12):
        after = same_conv(1, 1, kernel, stride=stride, bias=True)(torch.zeros(1, 1, size, size + 1))
        assert after.shape[2:] == (-(-size // stride), -(-(size + 1) // stride))


def test_mirrored_as_the_reports_count() -> None:
    assert mirrored(10, 32) == ((32,) * 5, (32,) * 5)
    assert mirrored(9, 16, doubling=True) == ((16, 32, 64, 128, 256), (128, 64, 32, 16))
    assert mirrored(2, 8) == ((8,), (8,))


@given(st.integers(2, 20), st.integers(1, 8), st.booleans())
def test_mirrored_counts_every_layer(layers: int, filters: int, doubling: bool) -> None:
    encoder, decoder = mirrored(layers, filters, doubling=doubling)
    assert len(encoder) + len(decoder) == layers
    assert len(encoder) - len(decoder) == layers % 2
    assert decoder == tuple(reversed(encoder))[layers % 2 :]


def test_one_layer_cannot_be_mirrored() -> None:
    with pytest.raises(UsageError, match="at least 2 convolution layers") as caught:
        mirrored(1, 8)
    assert caught.value.code == "bad-spec"
