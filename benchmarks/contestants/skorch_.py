"""skorch, as its users train: a module, a criterion, float32 arrays, `partial_fit`.

Nothing is held out for validation, and nothing printed, so that only training is timed.
"""

from __future__ import annotations

from contestants import Job
from networks import torch_network


class Skorch:
    """`partial_fit` is one epoch that goes on where the last one ended."""

    def __init__(self, job: Job) -> None:
        import torch
        from skorch import NeuralNet
        from torch import nn

        torch.set_num_threads(job.threads)
        module = torch_network(job.network)
        self.parameters = sum(p.numel() for p in module.parameters())
        self.images, self.batch = job.images[:, None].astype("float32") / 255, job.batch
        self.net = NeuralNet(
            module, nn.MSELoss, optimizer=torch.optim.Adam, lr=1e-3, batch_size=job.batch,
            max_epochs=1, train_split=None, iterator_train__shuffle=True, verbose=0,
        ).initialize()  # fmt: skip

    def train(self, steps: int) -> None:
        x = self.images[: steps * self.batch]
        self.net.partial_fit(x, x)


build = Skorch
