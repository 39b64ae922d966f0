"""A network that gives images back worse than PCA has not learned what a linear map can."""

from __future__ import annotations

from latens.checks.context import Context
from latens.data.finding import Finding


def check(context: Context) -> Finding | None:
    """Needs `mse`, `pca_mse`, `code_size` and `spec`.

    Only for plain reconstruction: the others learn something else than to give clean images back.
    """
    if context.mse is None or not context.pca_mse or None in (context.spec, context.code_size):
        return None
    assert context.spec is not None
    if context.spec.objective.kind != "reconstruct" or context.mse <= context.pca_mse:
        return None
    epochs = sum(phase.epochs for phase in context.spec.phases)
    return Finding(
        "worse-than-pca",
        "warning",
        f"The error {context.mse:.5f} is above that of PCA with the same {context.code_size} "
        f"numbers, {context.pca_mse:.5f}: this network has not learned what a linear map can. "
        f"Train longer (--epochs {3 * epochs}); if that is not enough, try a larger network.",
    )
