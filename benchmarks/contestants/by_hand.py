"""Plain PyTorch as a careful person writes it: uint8 in memory, shuffled, one fused Adam.

The variant is the memory layout: "contiguous", PyTorch's default, or "channels_last".
"""

from __future__ import annotations

from contestants import Job
from networks import torch_network


class ByHand:
    """Nothing of latens in it."""

    def __init__(self, job: Job) -> None:
        import torch

        torch.set_num_threads(job.threads)
        contiguous = job.variant == "contiguous"
        self.layout = torch.contiguous_format if contiguous else torch.channels_last
        model = torch_network(job.network)
        self.model = model.to(device=job.device, memory_format=self.layout)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, fused=True)
        self.parameters = sum(p.numel() for p in self.model.parameters())
        self.images, self.batch = torch.from_numpy(job.images)[:, None], job.batch
        self.images = self.images.to(job.device)

    def train(self, steps: int) -> None:
        import torch
        import torch.nn.functional as F

        order = torch.randperm(steps * self.batch, device=self.images.device)
        for start in range(0, len(order), self.batch):
            chosen = self.images[order[start : start + self.batch]]
            x = chosen.float().div_(255).to(memory_format=self.layout)
            F.mse_loss(self.model(x), x).backward()
            self.optimizer.step()
            self.optimizer.zero_grad()


build = ByHand
