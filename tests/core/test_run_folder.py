"""The run folder: written whole or not at all, read without trust, never overwritten."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from core_tiny import index, new_run, phase, same, training, weights, whole_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latens.errors import LatensError, RunError, TrainingError
from latens.runs import atomic
from latens.runs.folder import RunFolder, refuse_existing
from latens.train import checkpoint
from latens.train.loop import fit

PHASES = (phase(("encoder", "decoder"), epochs=1),)
RECORD = {"phase": "all", "epoch": 1, "train": {"mse": 0.5}, "val": {"mse": 0.25}}


def entries(folder: Path) -> set[str]:
    """Every name in the folder, hidden ones too."""
    return {entry.name for entry in folder.iterdir()}


def failing(number: int) -> Callable[..., NoReturn]:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def trained(path: Path) -> RunFolder:
    run = new_run(path)
    fit(training("reconstruct", PHASES, run))
    return run


def test_a_failing_fill_leaves_the_old_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    atomic.write_json(file, {"old": 1})

    def fill(out: Any) -> None:
        out.write(b"half")
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        atomic.write(file, fill)
    assert json.loads(file.read_text()) == {"old": 1}
    assert entries(tmp_path) == {"x.json"}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    file = tmp_path / "x"
    atomic.write(file, lambda out: out.write(b"old"))
    seen = []

    def fill(out: Any) -> None:
        out.write(b"new")
        out.flush()
        seen.append(file.read_bytes())

    atomic.write(file, fill)
    assert seen == [b"old"]
    assert file.read_bytes() == b"new"


def test_what_is_written_is_synced_before_it_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, move = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: order.append("sync") or sync(handle))
    monkeypatch.setattr(Path, "replace", lambda *path: order.append("move") or move(*path))
    atomic.write(tmp_path / "x", lambda out: out.write(b"1"))
    assert order == ["sync", "move", "sync"]


@pytest.mark.parametrize(
    "number, code",
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EACCES, "not-writable"),
        (errno.EROFS, "not-writable"),
    ],
)
@pytest.mark.parametrize("where", [(os, "fsync"), (Path, "open"), (Path, "replace")])
def test_a_disk_that_refuses_is_told(
    number: int, code: str, where: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x"
    atomic.write(file, lambda out: out.write(b"old"))
    with monkeypatch.context() as patched:
        patched.setattr(*where, failing(number))
        with pytest.raises(TrainingError) as caught:
            atomic.write(file, lambda out: out.write(b"new"))
    assert caught.value.code == code
    assert str(tmp_path) in caught.value.message and caught.value.hint
    assert file.read_bytes() == b"old"
    assert entries(tmp_path) == {"x"}


@pytest.mark.parametrize(
    ("result", "mend"),
    [
        ("classification", "latens evaluate RUN"),
        ("reconstruction-test", "latens evaluate RUN"),
        ("maps-test", "latens explore RUN maps --part test"),
        ("latent", "latens explore RUN latent"),
        ("findings", "latens pretrain --resume RUN"),
    ],
)
def test_a_damaged_result_can_be_made_again(result: str, mend: str, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"version": 1, "task": "pretrain"}, {}, {})
    run.write_result(result, {"x": 1}, {"a": np.zeros(3)})
    (run.path / "results" / f"{result}.npz").write_bytes(b"PK")
    for _ in ("numbers", "arrays"):
        with pytest.raises(RunError, match=f"readable results/{result}") as caught:
            run.result(result)
        assert caught.value.hint == f"Make it again with: {mend.replace('RUN', str(run.path))}"
        (run.path / "results" / f"{result}.json").write_text("{")


def test_other_trouble_is_not_dressed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        atomic.write(tmp_path / "x", lambda out: out.write(b"new"))


def test_a_disk_that_fills_up_in_training_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path / "run")
    before, model = entries(run.weights_dir), whole_model(seed=8)
    more = (*PHASES, phase(("encoder", "decoder"), name="more", epochs=1))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing(errno.ENOSPC))
        with pytest.raises(TrainingError) as caught:
            fit(training("reconstruct", more, run))
    assert (caught.value.code, caught.value.exit_code) == ("disk-full", 5)
    assert entries(run.weights_dir) == before
    checkpoint.load_model(run, model)
    whole = training("reconstruct", PHASES)
    fit(whole)
    assert same(weights(model), weights(whole.model))


def test_numbers_that_are_not_json_are_refused(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.write_result("x", {"mse": float("nan")}, {})
    assert run.results() == []


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    spec, environment = {"version": 1, "task": "pretrain"}, {"data": "Bücher"}
    made = RunFolder.create(tmp_path / "a" / "run", spec, environment, {"val": index(3, 5)})
    run = RunFolder.open(made.path)
    assert (run.spec(), run.environment()) == (spec, environment)
    assert run.split()["val"].tolist() == [3, 4]
    assert (run.metrics(), run.results(), run.finished) == ([], [], False)
    assert entries(tmp_path / "a") == {"run"}
    run.write_result("training", {"epochs": 3}, {})
    assert run.finished
    assert str(run.path) in repr(run)


ARRAYS = {
    "empty": np.zeros((0, 3), np.float32),
    "pixels": np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8),
    "labels": np.array([-1, 2**40]),
    "scalar": np.float64(0.1),
    "names": np.array(["cat", "Wörter"]),
}


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    run.write_result("all", {"mse": 0.5}, ARRAYS)
    values, arrays = run.result("all")
    assert values == {"mse": 0.5}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == np.asarray(array).dtype


def test_a_result_without_arrays_has_none(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    run.write_result("b", {"x": 1}, {})
    run.write_result("a", {"x": 2}, {})
    assert run.result("b") == ({"x": 1}, {})
    assert run.results() == ["a", "b"]


def test_a_result_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(atomic, "write_json", failing(errno.EIO))
        with pytest.raises(OSError):
            run.write_result("x", {"a": 1}, {"y": np.zeros(2)})
    assert run.results() == []


def told(code: str, do: Callable[[], object]) -> RunError:
    """The `RunError` of this code that `do` ends in."""
    with pytest.raises(RunError) as caught:
        do()
    assert (caught.value.code, caught.value.exit_code) == (code, 4)
    assert caught.value.message.startswith("Expected ") and caught.value.hint
    return caught.value


def test_a_result_that_is_not_there_is_told(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    assert "it has none" in told("no-result", lambda: run.result("x")).message
    run.write_result("y", {}, {})
    assert "['y']" in told("no-result", lambda: run.result("x")).message


@pytest.mark.parametrize("kind", ["run", "file", "folder"])
def test_nothing_that_exists_is_overwritten(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    if kind == "run":
        new_run(path)
    elif kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "mine").write_text("mine")
    before = path.read_bytes() if path.is_file() else entries(path)
    error = told("run-exists", lambda: new_run(path))
    assert str(path) in error.message and "--out" in error.hint
    assert ("--resume" in error.hint) == (kind == "run"), "only a run can be resumed or removed"
    assert before == (path.read_bytes() if path.is_file() else entries(path))
    assert entries(tmp_path) == {"run"}


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    refuse_existing(tmp_path / "run")
    assert new_run(tmp_path / "run").spec()["version"] == 1


def test_a_run_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        RunFolder.create(tmp_path / "run", {"x": float("inf")}, {}, {})
    assert entries(tmp_path) == set()


def test_what_a_killed_process_of_this_number_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".run.{os.getpid()}.tmp").mkdir()
    (tmp_path / f".run.{os.getpid()}.tmp" / "stale").write_text("")
    assert "stale" not in entries(new_run(tmp_path / "run").path)


def test_a_folder_under_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TrainingError, match="Expected a folder") as caught:
        new_run(tmp_path / "file" / "run")
    assert caught.value.code == "not-writable"


@pytest.mark.parametrize("version", [2, 99, None, "1", 1.5])
def test_a_run_of_another_version_is_told(version: Any, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    atomic.write_json(run.path / "spec.json", {"version": version})
    assert repr(version) in told("newer-run", lambda: RunFolder.open(run.path)).message


def test_what_is_not_a_run_is_told(tmp_path: Path) -> None:
    told("no-run", lambda: RunFolder.open(tmp_path / "none"))
    told("not-a-run", lambda: RunFolder.open(tmp_path))
    (tmp_path / "file").write_text("")
    told("no-run", lambda: RunFolder.open(tmp_path / "file"))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe"])
def test_half_written_files_are_told(content: bytes, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    for name in ("spec.json", "environment.json", "split.npz"):
        (run.path / name).write_bytes(content)
    told("damaged-run", lambda: RunFolder.open(run.path))
    told("damaged-run", run.environment)
    told("damaged-run", run.split)
    (run.path / "split.npz").unlink()
    told("damaged-run", run.split)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damaged_arrays_are_told_or_read(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever happened to the bytes, there is an answer or one sentence."""
    file = tmp_path / "split.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, train=np.arange(40), val=np.arange(3))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        RunFolder(tmp_path).split()
    except RunError as error:
        assert error.code == "damaged-run"


class Trap:
    """An object whose unpickling would leave a trace."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("kind", ["npz", "npy", "pickle"])
def test_pickled_arrays_are_refused_unread(kind: str, tmp_path: Path) -> None:
    run, trace = new_run(tmp_path / "run"), tmp_path / "trace"
    trap = np.array([Trap(trace)], dtype=object)
    file = run.path / "split.npz"
    with file.open("wb") as out:
        if kind == "npz":
            np.savez(out, allow_pickle=True, train=trap)
        elif kind == "npy":
            np.save(out, trap, allow_pickle=True)
        else:
            pickle.dump(Trap(trace), out)
    told("damaged-run", run.split)
    assert not trace.exists()


def test_a_plain_array_in_place_of_an_archive_is_told(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with (run.path / "split.npz").open("wb") as out:
        np.save(out, np.arange(3))
    told("damaged-run", run.split)


def test_objects_are_not_written_either(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(ValueError, match="allow_pickle"):
        run.write_result("x", {}, {"y": np.array([object()])})


def records(count: int) -> list[dict[str, Any]]:
    return [RECORD | {"epoch": epoch} for epoch in range(1, count + 1)]


def test_metrics_come_back_in_order_and_a_repeated_epoch_once(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    for record in [*records(3), RECORD | {"epoch": 2, "seconds": 9.0}, RECORD | {"phase": "more"}]:
        run.append_metrics(record)
    assert [(r["phase"], r["epoch"]) for r in run.metrics()] == [
        ("all", 1), ("all", 2), ("all", 3), ("more", 1)
    ]  # fmt: skip
    assert run.metrics()[1]["seconds"] == 9.0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 400))
def test_metrics_cut_anywhere_keep_every_whole_line(tmp_path: Path, cut: int) -> None:
    run, file = RunFolder(tmp_path), tmp_path / "metrics.jsonl"
    file.unlink(missing_ok=True)
    for record in records(4):
        run.append_metrics(record)
    content = file.read_bytes()[:cut]
    file.write_bytes(content)
    whole = [json.loads(line) for line in content.splitlines() if line.endswith(b"}}")]
    assert run.metrics() == whole
    run.append_metrics(RECORD | {"epoch": 9})
    assert run.metrics() == [*whole, RECORD | {"epoch": 9}]


@pytest.mark.parametrize(
    "line",
    ["", "null", "3", "[]", '"text"', "{}", '{"phase": "all"}', '{"phase": "all", "epoch": "x"}',
     '{"phase": "all", "epoch": null}', '{"phase": "all", "epoch": 1e999}', "\x00\x01", "\xff"],
)  # fmt: skip
def test_odd_lines_of_metrics_are_passed_over(line: str, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    run.append_metrics(RECORD)
    with (run.path / "metrics.jsonl").open("ab") as out:
        out.write(line.encode("latin-1") + b"\n")
    run.append_metrics(RECORD | {"epoch": 2})
    assert [r["epoch"] for r in run.metrics()] == [1, 2]


def test_metrics_on_a_full_disk_are_told() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(TrainingError) as caught, atomic.told_if_full(full), full.open("wb") as out:
        out.write(b"x")
    assert caught.value.code == "disk-full"


def test_a_run_without_weights_is_told(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    error = told("no-weights", lambda: checkpoint.load_model(run, whole_model()))
    assert f"--resume {run.path}" in error.hint


def test_truncated_weights_are_told_wherever_they_end(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    file = checkpoint.newest(run)
    assert file is not None
    content, model = file.read_bytes(), whole_model(seed=4)
    before = weights(model)
    for length in (0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        told("damaged-run", lambda: checkpoint.load_model(run, model))
        told("damaged-run", lambda: checkpoint.load_encoder(run, model.encoder))
        told("damaged-run", lambda: checkpoint.restore(run, model))
    assert same(weights(model), before)


@pytest.mark.parametrize(
    "pointer", [b"", b"\n", b"gone.safetensors", b"\xff\xfe", b"../../x", b"\x00"]
)
def test_a_pointer_that_leads_nowhere_is_told(pointer: bytes, tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    (run.weights_dir / "LAST").write_bytes(pointer)
    told("damaged-run", lambda: checkpoint.load_model(run, whole_model()))


@pytest.mark.parametrize("state", [None, "{}", "[]", "no json", '{"phase": 0, "counts": {}}'])
def test_weights_without_a_state_cannot_be_resumed(state: str | None, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    run, model = new_run(tmp_path / "run"), whole_model()
    tensors = {f"model/{name}": value.contiguous() for name, value in weights(model).items()}
    save_file(tensors, run.weights_dir / "x.safetensors", {"state": state} if state else None)
    atomic.write(run.weights_dir / "LAST", lambda out: out.write(b"x.safetensors"))
    told("damaged-run", lambda: checkpoint.restore(run, model))


def test_pickled_weights_are_refused_unread(tmp_path: Path) -> None:
    run, trace = trained(tmp_path / "run"), tmp_path / "trace"
    file = checkpoint.newest(run)
    assert file is not None
    torch.save({"model": Trap(trace)}, file)
    told("damaged-run", lambda: checkpoint.load_model(run, whole_model()))
    assert not trace.exists()


def test_errors_of_runs_are_for_people(tmp_path: Path) -> None:
    with pytest.raises(LatensError, match=r"there is none at .*none\. 'latens runs list'"):
        RunFolder.open(tmp_path / "none")
