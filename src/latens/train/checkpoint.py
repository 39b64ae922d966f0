"""Checkpoints: one safetensors file with everything, and a pointer that moves last.

Tensors are named by what they belong to: `model/…`, `average/…` (the running mean of its weights),
`best/…` (the weights of the best epoch), `optimizer/<number>/<name>`, `sums/…`. The numbers of the
state stand in the file's header as JSON.

When a training is over `model/…` holds the weights that its spec keeps, and `best/…` or `last/…`
the others, unless the last epoch was the best.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from latens.errors import RunError
from latens.metrics import Totals
from latens.runs import atomic
from latens.runs.folder import RunFolder
from latens.train.state import State

LAST = "LAST"
Which = Literal["best", "last"]


def save_checkpoint(
    run: RunFolder, state: State, model: nn.Module, optimizer: torch.optim.Optimizer | None
) -> Path:
    """Write a checkpoint, move `LAST` to it, then remove older ones. Returns its path."""
    tensors = {
        **_named("model", model.state_dict()),
        **_named("average", state.average),
        **_named("best", state.best),
        **_named("last", state.last),
        **_named("sums", state.totals.sums),
        **_optimizer_tensors(optimizer),
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = save(plain, metadata={"state": json.dumps(state.numbers())})
    path = run.weights_dir / f"{state.updates:08d}-{state.phase}-{state.epoch}.safetensors"
    atomic.write(path, lambda file: file.write(data))
    atomic.write(run.weights_dir / LAST, lambda file: file.write(path.name.encode()))
    # A kill in the middle of a save leaves a temporary file; the next save takes it away too.
    for old in run.weights_dir.iterdir():
        if old.suffix in (".safetensors", ".tmp") and old != path:
            old.unlink(missing_ok=True)
    return path


def newest(run: RunFolder) -> Path | None:
    """The newest complete checkpoint, or None if the run has not saved one yet."""
    return run.newest_weights()


def load_model(run: RunFolder, model: nn.Module, *, which: Which | None = None) -> None:
    """Put the run's weights into `model`: those that its spec keeps, or the best, or the last.

    Best and last are those of the last phase; they may be the same. The best of an unfinished run
    is the best so far, and its last weights before the first validation.

    Raises `RunError` if there are none, or if they are damaged or of another network.
    """
    _fill(run, model, _weights(run, which))


def load_encoder(run: RunFolder, encoder: nn.Module) -> str:
    """Put the run's encoder weights into `encoder`; returns their sha256 (64 hex digits)."""
    weights = _part(_weights(run, None), "encoder", ".")
    _fill(run, encoder, weights)
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()


def restore(run: RunFolder, model: nn.Module) -> tuple[State, dict[str, Tensor]]:
    """The state of the newest checkpoint; its optimiser's tensors go to `restore_optimizer`."""
    tensors, numbers = _read(run)
    try:
        counts, score = numbers.pop("counts"), numbers.pop("best_score")
        state = State(
            **numbers,
            best_score=None if score is None else tuple(score),
            totals=Totals(_part(tensors, "sums"), counts),
            # Of a finished run these are for `load_model`: a phase that follows begins without.
            best={} if score is None else _part(tensors, "best"),
            average=_part(tensors, "average"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(newest(run)) from error
    _fill(run, model, _part(tensors, "model"))
    return state, _part(tensors, "optimizer")


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give a freshly built optimiser the state that a checkpoint holds."""
    if not tensors:
        return
    content = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split("/", 1)
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({**content, "state": state})
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if value.shape == parameter.shape:  # fused updates want the parameter's own layout
                values[key] = torch.empty_like(parameter).copy_(value)


def _optimizer_tensors(optimizer: torch.optim.Optimizer | None) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"] if optimizer else {}
    return {
        f"optimizer/{number}/{name}": value
        for number, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _part(tensors: dict[str, Tensor], prefix: str, separator: str = "/") -> dict[str, Tensor]:
    start = prefix + separator
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _weights(run: RunFolder, which: Which | None) -> dict[str, Tensor]:
    """The model's tensors; what is not stored apart is as in `model/…`."""
    tensors, numbers = _read(run)
    which = which or numbers.get("keep", "best")
    apart = _part(tensors, str(which)) or _part(tensors, "average")
    return {**_part(tensors, "model"), **apart}


def _read(run: RunFolder) -> tuple[dict[str, Tensor], dict[str, Any]]:
    path = newest(run)
    if path is None:
        raise RunError(
            f"Expected trained weights in {run.path}; it has none yet.",
            hint=f"Finish the training with --resume {run.path}.",
            code="no-weights",
        )
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            numbers: dict[str, Any] = json.loads(file.metadata()["state"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    return tensors, numbers


def _damaged(path: Path | None) -> RunError:
    return RunError(
        f"Expected readable weights in {path}; the file is missing or damaged.",
        hint="Train the run again under another name.",
        code="damaged-run",
    )


def _fill(run: RunFolder, module: nn.Module, weights: dict[str, Tensor]) -> None:
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(
            f"Expected weights of the network that {run.path}/spec.json describes; "
            "the names or shapes are of another one.",
            hint="Use the encoder that belongs to this spec.",
            code="other-network",
        ) from error
