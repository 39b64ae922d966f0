"""A variational autoencoder may leave most of its code unused: it then says little of an image."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding
from latens.errors import plural
from latens.spec import VaeSpec


def check(context: Context) -> Finding | None:
    """Needs `active_units` and the `spec` of a VAE; speaks up below half of the variables.

    A few unused variables are usual: the divergence puts those out that do not pay.
    """
    if context.active_units is None or context.spec is None:
        return None
    objective = context.spec.objective
    if not isinstance(objective, VaeSpec) or 2 * context.active_units >= objective.latent:
        return None
    return Finding(
        "code-unused",
        "warning",
        f"The model uses {context.active_units} of the {plural(objective.latent, 'variable')} of "
        f"its code. Train longer, lower --beta (it is {objective.beta:g}) or give --free-bits "
        f"{objective.free_bits + 0.1:g}; if its images are good as they are, a smaller --latent "
        "will do.",
    )
