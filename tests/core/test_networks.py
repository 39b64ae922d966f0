"""Networks: any size comes back in its own, parameters as counted by hand, one seed one network."""

from __future__ import annotations

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
from latens.spec import ConvSpec, HeadSpec, MLPSpec, mirrored, parse

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


NETWORKS = {"conv": REPORT_2, "mlp": MLPSpec()}


def network(kind: str, **changes: Any) -> Model:
    return build(NETWORKS[kind], (1, 12, 12), decoder=True, head=HeadSpec(), classes=3, **changes)


def test_every_network_is_tried_here() -> None:
    assert set(NETWORKS) == set(catalog.names("nn.networks"))


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_seed_alone_decides_the_weights(kind: str) -> None:
    torch.manual_seed(1)
    first = weights(network(kind, seed=7))
    torch.manual_seed(2)
    assert same(first, weights(network(kind, seed=7)))
    assert not same(first, weights(network(kind, seed=8)))


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_same_encoder_begins_with_and_without_a_decoder(kind: str) -> None:
    alone = build(NETWORKS[kind], (1, 12, 12), seed=7)
    assert same(weights(alone.encoder), weights(network(kind, seed=7).encoder))


def test_building_leaves_the_callers_random_state() -> None:
    state = torch.get_rng_state()
    network("conv", seed=7)
    assert torch.equal(state, torch.get_rng_state())


def test_too_small_an_image_is_told() -> None:
    spec = ConvSpec(encoder_filters=(2,) * 4, decoder_filters=(2,) * 4, down_after=(1, 2, 3, 4))
    with pytest.raises(UsageError, match="5x7 is one pixel before block 4") as caught:
        build(spec, (1, 5, 7), decoder=True)
    assert caught.value.code == "too-small"
    assert "--size" in caught.value.hint


@pytest.mark.parametrize("pool", ["flatten", "mean", "mean-max"])
@pytest.mark.parametrize("latent", [None, 6])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_heads_give_a_score_a_class(pool: Any, latent: int | None, hidden: tuple[int, ...]) -> None:
    spec = ConvSpec(encoder_filters=(3,), decoder_filters=(3,), down_after=(1,), latent=latent)
    model = build(spec, (2, 9, 9), head=HeadSpec(hidden=hidden, pool=pool), classes=4)
    assert model.class_logits(torch.rand(3, 2, 9, 9)).shape == (3, 4)


def test_pooled_heads_are_narrower() -> None:
    def width(pool: Any) -> int:
        model = build(REPORT_2, (1, 28, 28), head=HeadSpec(hidden=(), pool=pool), classes=10)
        assert model.head is not None
        return count_parameters(model.head) // 10 - 1

    assert (width("flatten"), width("mean"), width("mean-max")) == (1_568, 32, 64)


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
