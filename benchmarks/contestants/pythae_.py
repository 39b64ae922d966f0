"""pythae, as its users train: its AE with their encoder and decoder, and its trainer.

Only the trainer's epoch (`train_step`) is timed; saving the model, which `train` ends with, is not.
"""

from __future__ import annotations

import tempfile
from typing import Any

from contestants import Job
from networks import torch_halves


class Pythae:
    """The trainer takes float32 images one by one out of its dataset, as its loader does."""

    def __init__(self, job: Job) -> None:
        import torch
        from pythae.data.datasets import BaseDataset
        from pythae.models import AE, AEConfig
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        torch.set_num_threads(job.threads)
        encoder, decoder = _halves(job)
        model = AE(AEConfig(input_dim=(1, 28, 28), latent_dim=1), encoder, decoder)
        self.parameters = sum(p.numel() for p in model.parameters())
        self.images, self.batch = torch.from_numpy(job.images)[:, None].float() / 255, job.batch
        self.folder = tempfile.TemporaryDirectory()
        config = BaseTrainerConfig(
            output_dir=self.folder.name, num_epochs=1, per_device_train_batch_size=job.batch,
            optimizer_cls="Adam", learning_rate=1e-3, no_cuda=True,
        )  # fmt: skip
        self.dataset = BaseDataset
        self.trainer = BaseTrainer(model, self._part(job.batch), training_config=config)
        self.trainer.prepare_training()

    def train(self, steps: int) -> None:
        part = self._part(steps * self.batch)
        self.trainer.train_loader = self.trainer.get_train_dataloader(part)
        self.trainer.train_step(1)

    def _part(self, count: int) -> Any:
        import torch

        return self.dataset(self.images[:count], torch.zeros(count))


def _halves(job: Job) -> tuple[Any, Any]:
    """Encoder and decoder in the classes that pythae asks for."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import Tensor, nn

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self, layers: nn.Module) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, x: Tensor) -> ModelOutput:
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self, layers: nn.Module) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z))

    encoder, decoder = torch_halves(job.network)
    return Encoder(encoder), Decoder(decoder)


build = Pythae
