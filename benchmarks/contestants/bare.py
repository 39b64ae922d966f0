"""latens' own model, loss and optimiser without the loop around them: what the loop adds shows."""

from __future__ import annotations

from contestants import Job
from networks import latens_spec


class Bare:
    """One step after the other on batches drawn by hand, with the allocator setting of latens."""

    def __init__(self, job: Job) -> None:
        import torch

        from latens import catalog, kernels
        from latens.nn.fused import native
        from latens.nn.model import build, count_parameters
        from latens.spec import PhaseSpec, ReconstructSpec, TrainSpec
        from latens.train import optimizers
        from latens.train.device import place

        place(TrainSpec(device="cpu", precision="float32", threads=job.threads))
        model = build(latens_spec(job.network), (1, 28, 28), decoder=True)
        self.model = model.to(memory_format=torch.channels_last).train()
        self.objective = catalog.load("objectives", "reconstruct").build(ReconstructSpec())
        phase = PhaseSpec(name="autoencoder", groups=("encoder", "decoder"), epochs=1)
        self.optimizer = optimizers.build(phase, list(self.model.parameters()))
        self.parameters = count_parameters(self.model)
        self.images, self.batch = torch.from_numpy(job.images)[:, None], job.batch
        torch.set_flush_denormal(True)  # as the loop does
        native.use(kernels.ready())

    def train(self, steps: int) -> None:
        import torch

        from latens.data.batches import Batch

        order = torch.randperm(steps * self.batch)
        for start in range(0, len(order), self.batch):
            chosen = self.images[order[start : start + self.batch]]
            x = chosen.to(memory_format=torch.channels_last).float().div_(255)
            self.objective.step(self.model, Batch(x, None)).loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()


build = Bare
