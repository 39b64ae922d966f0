"""The kernels as differentiable functions. Call one only where its `_applies` says yes."""

from latens.kernels.drop import dropout, dropout_applies
from latens.kernels.loss import squared_error_of_logits, squared_error_of_logits_applies
from latens.kernels.norm_act import norm_act, norm_act_applies, norm_follow
from latens.kernels.thin import (
    thin_in,
    thin_in_applies,
    thin_out,
    thin_out_applies,
    thin_up,
    thin_up_applies,
)
from latens.kernels.thin_norm import thin_norm, thin_norm_applies
from latens.kernels.winograd import winograd, winograd_applies

__all__ = [
    "dropout",
    "dropout_applies",
    "norm_act",
    "norm_act_applies",
    "norm_follow",
    "squared_error_of_logits",
    "squared_error_of_logits_applies",
    "thin_in",
    "thin_in_applies",
    "thin_norm",
    "thin_norm_applies",
    "thin_out",
    "thin_out_applies",
    "thin_up",
    "thin_up_applies",
    "winograd",
    "winograd_applies",
]
