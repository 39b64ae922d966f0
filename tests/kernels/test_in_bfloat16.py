"""With bfloat16 products the kernels normalise, and do what is still float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latens import catalog
from latens.data.batches import Batch
from latens.nn.fused import native
from latens.nn.model import build
from latens.spec import ConvSpec, ReconstructSpec

pytestmark = pytest.mark.usefixtures("native")


def loss_and_gradients(kernels: bool, mixed: bool) -> list[Tensor]:
    torch.manual_seed(0)
    spec = ConvSpec(encoder_filters=(16, 16), decoder_filters=(16,), down_after=(1,))
    model = build(spec, (1, 14, 14), decoder=True).train()
    objective = catalog.load("objectives", "reconstruct").build(ReconstructSpec())
    images = torch.rand(8, 1, 14, 14).to(memory_format=torch.channels_last)
    with native.as_before(), torch.autocast("cpu", torch.bfloat16, mixed):
        native.use(kernels)
        loss = objective.step(model, Batch(images, None)).loss
        loss.backward()
    return [loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


def test_a_step_comes_to_the_same() -> None:
    exact, torchs = loss_and_gradients(True, False), loss_and_gradients(False, True)
    ours = loss_and_gradients(True, True)
    assert len(ours) == len(torchs) == len(exact)
    assert float(ours[0]) == pytest.approx(float(exact[0]), rel=0.01)
    for mine, other, right in zip(ours[1:], torchs[1:], exact[1:], strict=True):
        assert mine.isfinite().all()
        scale = right.abs().max() + 1e-6
        assert (mine - right).abs().max() <= 2 * (other - right).abs().max() + 0.02 * scale
