"""Optimisers against torch's own, schedules by their promises."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, get_args

import pytest
import torch
from core_tiny import objective, phase, same, some_batch, weights, whole_model
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from latens.spec import Optimizer, Schedule
from latens.train import optimizers, schedules
from latens.train.muon import Muon, orthogonalised, split_parameters

NAMES = get_args(Optimizer)
SCHEDULES = get_args(Schedule)


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (32, 33), (8, 144), (96, 288)])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_orthogonalised_singular_values_are_near_one(shape: Any, seed: int, size: float) -> None:
    matrix = size * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_orthogonalised_keeps_the_singular_vectors() -> None:
    matrix = torch.randn(12, 40, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    turned = u.T @ orthogonalised(matrix) @ v.T
    assert torch.allclose(turned, torch.diag(turned.diag()), atol=1e-4)
    assert (turned.diag() > 0).all()


@pytest.mark.parametrize("shape", [(32, 800), (64, 64), (800, 32)])
def test_orthogonalised_is_the_papers_iteration(shape: Any) -> None:
    """Also for a gradient of low rank, whose other directions are almost nothing."""
    draw = torch.Generator().manual_seed(1)
    thin = torch.randn(shape[0], 4, generator=draw) @ torch.randn(4, shape[1], generator=draw)
    matrix = thin + 1e-4 * torch.randn(shape, generator=draw)
    x = matrix.double() / (matrix.double().norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    assert (orthogonalised(matrix) - x).norm() / x.norm() < 1e-3


def test_a_gradient_of_zeros_moves_nothing() -> None:
    assert not orthogonalised(torch.zeros(16, 16)).any()


def trained(parameter: nn.Parameter, optimizer: torch.optim.Optimizer, steps: int = 12) -> Any:
    """The parameter after some steps along gradients that depend on the number of the step."""
    for step in range(steps):
        draw = torch.Generator().manual_seed(step)
        parameter.grad = torch.randn(parameter.shape, generator=draw) * (1 + step)
        optimizer.step()
    return parameter.detach()


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(99)))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_muons_adam_is_torchs_adam(decay: float) -> None:
    ours, theirs = parameter(10, 5), parameter(10, 5)
    muon = Muon([], adam=[ours], lr=0.01, weight_decay=decay)
    adam = torch.optim.AdamW([theirs], 0.01, betas=(0.9, 0.99), weight_decay=decay)
    assert torch.allclose(trained(ours, muon), trained(theirs, adam), atol=1e-6, rtol=0)


def test_muon_is_torchs_muon_up_to_its_half_precision() -> None:
    ours, theirs = parameter(24, 24), parameter(24, 24)
    muon = Muon([ours], lr=0.01, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, momentum=0.95)
    one, other = (trained(p, o) - parameter(24, 24) for p, o in ((ours, muon), (theirs, reference)))
    assert (one - other).norm() / other.norm() < 0.05  # torch's own iterates in bfloat16


def test_muon_treats_a_kernel_as_a_matrix() -> None:
    kernel, matrix = parameter(16, 4, 3, 3), parameter(16, 36)
    one, other = (trained(p, Muon([p], lr=0.01)) for p in (kernel, matrix))
    assert one.shape == (16, 4, 3, 3)
    assert torch.isfinite(one).all()
    flat = nn.Parameter(kernel.detach().flatten(1))
    assert other.shape == flat.shape


def test_muon_takes_what_is_wide_and_adam_the_rest() -> None:
    wide, kernel = parameter(16, 20), parameter(16, 2, 3, 3)
    bias, thin, last = parameter(64), parameter(10, 64), parameter(32, 1, 3, 3)
    muon, adam = split_parameters([wide, bias, kernel, thin, last])
    assert [id(p) for p in muon] == [id(wide), id(kernel)]
    assert [id(p) for p in adam] == [id(bias), id(thin), id(last)]


def stepped(name: str, **changes: Any) -> dict[str, torch.Tensor]:
    """The weights of a network after three updates by this optimiser."""
    model = whole_model()
    spec = phase(("encoder", "decoder"), optimizer=name, **changes)
    moving = [*model.encoder.parameters(), *model.decoder.parameters()]  # type: ignore[union-attr]
    optimizer = optimizers.build(spec, moving)
    torch.manual_seed(0)
    for _ in range(3):
        objective("reconstruct").step(model, some_batch()).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return weights(model)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("setting", [{"learning_rate": 0.02}, {"weight_decay": 0.3}], ids=str)
def test_no_setting_is_without_effect(name: str, setting: dict[str, float]) -> None:
    assert not same(stepped(name), stepped(name, **setting))


@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_shrinks_kernels_and_matrices_alone(name: str) -> None:
    """Without gradients nothing else moves a weight: Muon's, thin ones, kernels, biases, scales."""
    shapes = [(16, 20), (16, 2, 3, 3), (10, 64), (64,), ()]
    moving = [parameter(*shape) for shape in shapes]
    before = [p.detach().clone() for p in moving]
    spec = phase(("head",), optimizer=name, weight_decay=0.1, learning_rate=0.01)
    optimizer = optimizers.build(spec, moving)
    for p in moving:
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for p, old in zip(moving, before, strict=True):
        assert torch.equal(p.detach(), old) == (p.ndim < 2)
        assert p.ndim < 2 or p.detach().norm() < old.norm()


def test_adamw_is_torchs_with_two_groups() -> None:
    ours, theirs = [parameter(4, 5), parameter(5)], [parameter(4, 5), parameter(5)]
    spec = phase(("head",), optimizer="adamw", weight_decay=0.1, learning_rate=0.01)
    matrix = torch.optim.AdamW(theirs[:1], 0.01, betas=(0.9, 0.99), weight_decay=0.1)
    vector = torch.optim.AdamW(theirs[1:], 0.01, betas=(0.9, 0.99), weight_decay=0.0)
    both = optimizers.build(spec, ours)
    for p in ours:
        p.grad = torch.ones_like(p)
    for p in theirs:
        p.grad = torch.ones_like(p)
    for optimizer in (both, matrix, vector):
        optimizer.step()
    for one, two in zip(ours, theirs, strict=True):
        assert torch.allclose(one, two, atol=1e-7)


@given(st.floats(0, 2), st.floats(0, 2))
@settings(max_examples=20, deadline=None)
def test_penalties_are_the_gradients_of_their_sums(l1: float, l2: float) -> None:
    moving = [parameter(3, 4), parameter(2, 3, 3, 3), parameter(7), parameter(2, 2)]
    for p in moving[:3]:
        p.grad = torch.full_like(p, 0.5)
    optimizers.penalise(phase(("head",), l1=l1, l2=l2), moving)
    for p in moving[:2]:
        leaf = p.detach().clone().requires_grad_()
        value = l1 * leaf.abs().sum() + l2 * leaf.square().sum() + 0.5 * leaf.sum()
        value.backward()  # type: ignore[no-untyped-call]
        assert p.grad is not None and leaf.grad is not None
        assert torch.allclose(p.grad, leaf.grad, atol=1e-6)
        assert not p.grad.requires_grad
    assert moving[2].grad is not None and (moving[2].grad == 0.5).all()  # a vector
    assert moving[3].grad is None  # it takes no part in this step


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_can_be_built(name: str) -> None:
    plain = weights(whole_model())
    after = stepped(name)
    moved = [n for n in plain if n.startswith(("encoder", "decoder")) and plain[n].numel() > 1]
    assert all(not torch.equal(plain[n], after[n]) for n in moved)
    assert all(value.isfinite().all() for value in after.values())


def factors(name: str, total: int = 1000) -> list[float]:
    return [schedules.factor(name, step, total) for step in range(total + 1)]


@pytest.mark.parametrize(
    "name, start, peak, end",
    [
        ("constant", 1, 0, 1),
        ("cosine", 1, 0, 0),
        ("linear", 0.05, 100, 0),
        ("one-cycle", 1 / 25, 200, 0),
    ],
)
def test_where_schedules_start_peak_and_end(name: str, start: float, peak: int, end: float) -> None:
    all_of_them = factors(name)
    assert all_of_them[0] == pytest.approx(start)
    assert all_of_them[peak] == max(all_of_them) == pytest.approx(1)
    assert all_of_them[-1] == pytest.approx(end, abs=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_make_no_jumps_and_have_one_peak(name: str) -> None:
    all_of_them = factors(name)
    jumps = [b - a for a, b in pairwise(all_of_them)]
    assert max(map(abs, jumps)) <= 0.0101
    peak = all_of_them.index(max(all_of_them))
    assert all(j >= -1e-12 for j in jumps[:peak])
    assert all(j <= 1e-12 for j in jumps[peak:])


@pytest.mark.parametrize("name", SCHEDULES)
def test_only_a_plateau_drops_and_then_every_third_time(name: str) -> None:
    due = [stale for stale in range(10) if schedules.drops(name, stale)]
    assert due == ([3, 6, 9] if name == "plateau" else [])
    assert schedules.factor(name, 1, 4, 2) == pytest.approx(0.09 * schedules.factor(name, 1, 4))


@given(st.sampled_from(SCHEDULES), st.integers(1, 5000), st.data())
def test_factors_are_from_0_to_1_and_never_0_before_the_end(
    name: str, total: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(0, total - 1))
    assert 0 < schedules.factor(name, step, total) <= 1
