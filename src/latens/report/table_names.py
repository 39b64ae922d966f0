"""What the name of a column in a foreign file tells: its role, and which way it is better."""

from __future__ import annotations

import re

from latens.report.table import Goal, Kind, Role

LESS: frozenset[str] = frozenset({
    "loss", "losses", "error", "err", "mse", "mae", "rmse", "bce", "nll", "kl", "fid", "ece",
    "brier", "perplexity", "value", "values", "objective", "seconds", "minutes", "time",
    "runtime", "duration", "cost", "bytes", "memory", "parameters", "regret",
    "code",
})  # fmt: skip
MORE: frozenset[str] = frozenset({
    "accuracy", "acc", "psnr", "ssim", "f1", "auc", "auroc", "auprc", "precision", "recall",
    "score", "reward", "r2", "kappa", "elbo",
})  # fmt: skip
# not asked for and not measured: what a trial is called, where it came from, how it ended
OTHER: frozenset[str] = frozenset({
    "uid", "from_uid", "id", "number", "trial", "trial_id", "trial_number", "state", "status",
    "name", "run", "path", "seed", "index", "date", "datetime", "timestamp", "datetime_start",
    "datetime_complete", "start", "end", "host", "reason",
})  # fmt: skip
_OTHER_PREFIXES = ("user_attrs_", "system_attrs_", "column ")  # Optuna's; columns without a name


def guess(name: str, kind: Kind) -> tuple[Role, Goal | None]:
    """Role and goal of a column.

    >>> guess("val_loss", "number"), guess("Test accuracy", "number"), guess("filters", "number")
    (('metric', 'minimize'), ('metric', 'maximize'), ('parameter', None))
    """
    low = name.lower().strip()
    if low.startswith("params_"):  # Optuna's data frames say what is a parameter
        return "parameter", None
    if low in OTHER or low.startswith(_OTHER_PREFIXES):
        return "other", None
    words = set(_words(name))
    if kind == "number" and words & MORE:
        return "metric", "maximize"
    if kind == "number" and words & LESS:
        return "metric", "minimize"
    return "parameter", None


def _words(name: str) -> list[str]:
    """The words of a name: "valLoss" and "val_loss" as val and loss.

    >>> _words("valLoss"), _words("VAL-MSE (best)"), _words("values_0")
    (['val', 'loss'], ['val', 'mse', 'best'], ['values', '0'])
    """
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]
