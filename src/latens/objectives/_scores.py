"""The cross-entropy of class scores, with answers to unequal class counts.

    class-weights       each image weighs by the inverse frequency of its class
    balanced-softmax    the loss adds log frequencies to the scores (Ren et al. 2020); Menon et al.
                        2021 have the same loss as "logit-adjusted" (their equation 10, tau = 1)
    logit-adjustment    the loss is plain, and log frequencies are subtracted from the trained
                        scores (Menon et al.'s equation 9); `Model` does that outside training

The last two differ: one changes what is learned, the other what is made of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from latens.data.image_set import UNLABELLED
from latens.errors import UsageError
from latens.metrics import Sums
from latens.objectives._step import Step, even_share
from latens.spec import Balance


class Scores:
    """What a batch's class scores cost, over those images that have a label."""

    def __init__(
        self, balance: Balance, label_smoothing: float, class_counts_K: Tensor | None
    ) -> None:
        if balance != "none" and class_counts_K is None:
            raise UsageError(
                f"Expected the number of training images of each class for balance {balance}; "
                "got none.",
                hint="Pass class_counts, or use balance none.",
                code="no-class-counts",
            )
        self.label_smoothing = label_smoothing
        self.weights_K = _weights(class_counts_K) if balance == "class-weights" else None
        self.prior_K = _prior(class_counts_K) if balance == "balanced-softmax" else None
        self._differs = bool(label_smoothing) or balance in ("class-weights", "balanced-softmax")

    def step(self, logits_BK: Tensor, labels_B: Tensor, *, training: bool) -> Step:
        """The loss is a mean over the labelled images; 0 if there are none.

        `loss` is the plain cross-entropy in nats, without smoothing or balance; `accuracy` the
        share that is right. Outside training the loss is the plain one too.
        """
        logits_BK, known_B = logits_BK.float(), labels_B != UNLABELLED
        count, safe_B = known_B.sum(), labels_B.clamp(min=0)
        plain_B = F.cross_entropy(logits_BK, safe_B, reduction="none") * known_B
        right_B = (logits_BK.argmax(1) == safe_B) & known_B
        sums: Sums = {"loss": (plain_B.detach().sum(), count), "accuracy": (right_B.sum(), count)}
        if training and self._differs:
            plain_B = self._trained(logits_BK, safe_B) * known_B
        share = even_share(count)
        return Step(plain_B.sum() / torch.where(share > 0, share, 1), sums)

    def _trained(self, logits_BK: Tensor, labels_B: Tensor) -> Tensor:
        """The loss of each image, `[B]`, with smoothing and balance."""
        if self.prior_K is not None:
            self.prior_K = self.prior_K.to(logits_BK.device)
            logits_BK = logits_BK + self.prior_K
        loss_B = F.cross_entropy(
            logits_BK, labels_B, reduction="none", label_smoothing=self.label_smoothing
        )
        if self.weights_K is None:
            return loss_B
        self.weights_K = self.weights_K.to(logits_BK.device)
        return loss_B * self.weights_K[labels_B]


def _weights(counts_K: Tensor | None) -> Tensor:
    """Inverse frequencies whose mean over the training images is 1; 0 for an absent class.

    So the loss keeps its size, and the weights are those that scikit-learn calls "balanced".
    """
    assert counts_K is not None
    present = (counts_K > 0).sum()
    weights = counts_K.sum() / (present * counts_K.clamp(min=1)) * (counts_K > 0)
    return weights.float()


def _prior(counts_K: Tensor | None) -> Tensor:
    """Logarithms of the class shares; an absent class counts as one image."""
    assert counts_K is not None
    counts = counts_K.clamp(min=1).float()
    return (counts / counts.sum()).log()
