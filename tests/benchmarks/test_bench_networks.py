"""Every contestant trains the same network: parameters, operations, and the function itself."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from latens.nn.model import Model, build, count_parameters
from networks import (
    CAE_10,
    DAE_8,
    NETWORKS,
    Network,
    keras_network,
    latens_spec,
    torch_halves,
    torch_network,
)

each = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def test_the_reference_networks_are_those_that_were_measured_beforehand() -> None:
    assert round(CAE_10.training_flops / 1e6, 1) == 42.9
    assert round(DAE_8.training_flops / 1e6, 1) == 630.9


@each
def test_pytorch_counts_as_many_parameters_and_operations(network: Network) -> None:
    by_hand = torch_network(network)
    assert count_parameters(by_hand) == network.parameters
    with FlopCounterMode(display=False) as counted:
        by_hand(torch.rand(2, 1, 28, 28)).sum().backward()
    assert counted.get_total_flops() == 2 * network.training_flops


@each
def test_the_halves_are_the_network(network: Network) -> None:
    torch.manual_seed(0)
    encoder, decoder = torch_halves(network)
    torch.manual_seed(0)
    whole, x = torch_network(network), torch.rand(2, 1, 28, 28)
    kept = [p.shape for half in (encoder, decoder) for p in half.parameters()]
    assert kept == [p.shape for p in whole.parameters()]
    assert decoder(encoder(x)).shape == whole(x).shape == x.shape


@each
def test_latens_computes_the_same_function(network: Network) -> None:
    by_hand = torch_network(network)
    model = build(latens_spec(network), (1, 28, 28), decoder=True)
    assert count_parameters(model) == network.parameters
    x = torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        for _ in range(2):  # running statistics that are not those of a fresh network
            by_hand(x)
        _copy(by_hand, model)
        torch.testing.assert_close(
            model.eval().reconstruct(x), by_hand.eval()(x), atol=1e-5, rtol=1e-4
        )


def _copy(by_hand: nn.Module, model: Model) -> None:
    """Both name their tensors in the order of their layers."""
    theirs, ours = by_hand.state_dict(), model.state_dict()
    assert [t.shape for t in theirs.values()] == [t.shape for t in ours.values()]
    model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


@each
def test_keras_counts_as_many_parameters_and_operations(network: Network) -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    pytest.importorskip("keras")
    model = keras_network(network)
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert trainable == network.parameters
    convolutions = [layer for layer in model.layers if hasattr(layer, "kernel_size")]
    forward = [2 * math.prod(_output(c)[1:3]) * math.prod(c.kernel.shape) for c in convolutions]
    assert 3 * sum(forward) - forward[0] == network.training_flops


def _output(layer: Any) -> tuple[int, ...]:
    return tuple(layer.output.shape)
