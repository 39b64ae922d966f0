"""One run on disk. The folder is the truth; see docs/decisions for why each file is what it is.

RUN/spec.json            what was asked, complete enough to run it again
    environment.json     versions, device, data fingerprint
    split.npz            indices of train, validation and test
    metrics.jsonl        one record an epoch, append-only
    failed.json          only after a failure: {"reason": sentence, "hint": the mend}
    weights/             safetensors; LAST names the newest complete one
    results/             <name>.json and <name>.npz
    report/              figures and one page

How a run stands, all without torch:
    run.state            "finished", "unfinished" or "failed" (its numbers stopped being finite)
    run.failure()        {"reason", "hint"} of a failed run, else None; both are sentences
    run.progress()       phase, epoch, epochs, step and more by the newest checkpoint, or None
    run.alone()          a block in which no other process may train or remove this run; `RunError`
                         (code "run-busy") if one does. Reading needs no such block. Within it the
                         same `RunFolder` may ask again: who trains goes on to write results.
A failure is forgotten when a resumed training completes an epoch with good numbers.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from latens.errors import RunError
from latens.runs import atomic, commands, lock, progress

Arrays = dict[str, npt.NDArray[Any]]

VERSION = 1
_FAILED = "failed.json"


class RunFolder:
    """An open run. `create` makes a new one, `open` checks an old one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._alone = False

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(
        cls,
        path: str | Path,
        spec: Mapping[str, Any],
        environment: Mapping[str, Any],
        split: Mapping[str, npt.NDArray[Any]],
    ) -> RunFolder:
        """Make the folder under a temporary name and move it to `path` when it is complete.

        Raises `RunError` if something is at `path` already: a run is never overwritten.
        """
        path = Path(path)
        refuse_existing(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        # A process that was killed may have had our number and left its draft behind.
        shutil.rmtree(temporary, ignore_errors=True)
        with atomic.told_if_full(path):
            temporary.mkdir(parents=True)
        try:
            draft = cls(temporary)
            atomic.write_json(temporary / "spec.json", dict(spec))
            atomic.write_json(temporary / "environment.json", dict(environment))
            draft._write_arrays(temporary / "split.npz", split)
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        atomic.sync_folder(path.parent)
        return cls(path)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run.

        Raises `RunError` if there is none, if it is half written, or if its version is newer.
        """
        path = Path(path)
        if not path.is_dir():
            raise RunError(
                f"Expected a run folder; there is none at {path}.",
                hint="'latens runs list' shows the runs that there are.",
                code="no-run",
            )
        if not (path / "spec.json").is_file():
            raise RunError(
                f"Expected a run folder; {path} has no spec.json.",
                hint="'latens runs list' shows the runs; a half-made folder can be deleted.",
                code="not-a-run",
            )
        run = cls(path)
        version = run.spec().get("version")
        if not isinstance(version, int) or version > VERSION:
            raise RunError(
                f"Expected a run of version {VERSION} or older; {path} is of version {version!r}.",
                hint="Upgrade latens to read it.",
                code="newer-run",
            )
        return run

    def spec(self) -> dict[str, Any]:
        """What was asked, as JSON."""
        return self._read_json("spec.json")

    def environment(self) -> dict[str, Any]:
        """What it ran on, as JSON."""
        return self._read_json("environment.json")

    def split(self) -> Arrays:
        """The stored indices by part, int64."""
        return self._read_arrays("split.npz")

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add one record as one line."""
        file = self.path / "metrics.jsonl"
        line = json.dumps(record, allow_nan=False)
        with atomic.told_if_full(file), file.open("a+b") as out:
            # A kill may have left half a line; it gets a line of its own and is skipped on reading.
            if out.seek(0, os.SEEK_END) and not _ends_with_newline(file):
                out.write(b"\n")
            out.write(line.encode() + b"\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The records in order; an epoch that was repeated after a resume counts once."""
        records: dict[tuple[str, int], dict[str, Any]] = {}
        file = self.path / "metrics.jsonl"
        for line in file.read_bytes().splitlines() if file.exists() else []:
            try:
                record = json.loads(line)
                key = (str(record["phase"]), int(record["epoch"]))
            except (ValueError, KeyError, TypeError, OverflowError):
                continue
            records[key] = record
        return list(records.values())

    def results(self) -> list[str]:
        """The names of the results that this run holds, sorted."""
        return sorted(file.stem for file in (self.path / "results").glob("*.json"))

    def result(self, name: str) -> tuple[dict[str, Any], Arrays]:
        """A result: its numbers and its arrays. Raises `RunError` if the run has none so named."""
        if name not in self.results():
            raise RunError(
                f"Expected the result {name!r} in {self.path}; it has {self.results() or 'none'}.",
                hint=f"'latens evaluate {self.path}' makes results.",
                code="no-result",
            )
        arrays = self.path / "results" / f"{name}.npz"
        values = self._read_json(f"results/{name}.json")
        return values, self._read_arrays(f"results/{name}.npz") if arrays.exists() else {}

    def write_result(
        self, name: str, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """Store a result; the numbers come last, so that a result is there whole or not at all."""
        folder = self.path / "results"
        folder.mkdir(exist_ok=True)
        if arrays:
            self._write_arrays(folder / f"{name}.npz", arrays)
        atomic.write_json(folder / f"{name}.json", dict(values))

    @property
    def weights_dir(self) -> Path:
        """Where checkpoints lie; made on demand."""
        return self._made("weights")

    @property
    def report_dir(self) -> Path:
        """Where figures and the page lie; made on demand."""
        return self._made("report")

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return (self.path / "results" / "training.json").exists()

    @property
    def state(self) -> Literal["finished", "unfinished", "failed"]:
        """How the run stands; an unfinished or failed one can be resumed."""
        if self.finished or {"comparison", "study", "sweep"} & set(self.results()):
            return "finished"
        return "failed" if (self.path / _FAILED).exists() else "unfinished"

    def failure(self) -> dict[str, str] | None:
        """Why the run failed: `reason` and `hint`, a sentence each. None if it did not."""
        if self.state != "failed":
            return None
        values = self._read_json(_FAILED)
        return {name: str(values.get(name, "")) for name in ("reason", "hint")}

    def mark_failed(self, reason: str, hint: str = "") -> None:
        """Leave word of a failure for those who look at the run later."""
        atomic.write_json(self.path / _FAILED, {"reason": reason, "hint": hint})

    def clear_failure(self) -> None:
        """Forget the failure, if there was one."""
        (self.path / _FAILED).unlink(missing_ok=True)

    def newest_weights(self) -> Path | None:
        """The newest complete checkpoint, or None if the run has not saved one yet."""
        pointer = self.path / "weights" / "LAST"
        if not pointer.is_file():
            return None
        return self.path / "weights" / Path(pointer.read_text("utf-8", "replace").strip()).name

    def progress(self) -> dict[str, Any] | None:
        """How far the training has come by its newest checkpoint; None before the first.

        `phase` is its name, `epoch` how many of its `epochs` are done, `step` counts updates and
        `seconds` time over the whole run; `over` is true once all phases are.

        Raises `RunError` if the checkpoint is damaged.
        """
        file = self.newest_weights()
        if file is None:
            return None
        try:
            return progress.read(file, self.spec())
        except progress.UNREADABLE as error:
            raise self._damaged(f"weights/{file.name}") from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from training or removing this run; see `latens.runs.lock`."""
        if self._alone:
            yield
            return
        with lock.alone(self.path):
            self._alone = True
            try:
                yield
            finally:
                self._alone = False

    def _made(self, name: str) -> Path:
        folder = self.path / name
        with atomic.told_if_full(folder):
            folder.mkdir(exist_ok=True)
        return folder

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise self._damaged(name) from error
        if not isinstance(value, dict):
            raise self._damaged(name)
        return value

    def _read_arrays(self, name: str) -> Arrays:
        try:
            with (self.path / name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception as error:  # a damaged archive fails in many ways
            raise self._damaged(name) from error

    def _write_arrays(self, path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
        atomic.write(path, lambda file: file.write(buffer.getbuffer()))

    def _damaged(self, name: str) -> RunError:
        mend = "The run cannot be used; train it again under another name."
        if name.startswith("results/"):
            again = commands.remake(self.path, self.spec(), Path(name).stem)
            mend = f"Make it again with: {again}"
        return RunError(
            f"Expected a readable {name} in the run {self.path}; it is missing or damaged.",
            hint=mend,
            code="damaged-run",
        )


def refuse_existing(path: Path) -> None:
    """Raise `RunError` if anything but an empty folder is at `path`."""
    if path.resolve() == Path.cwd():  # it is moved into place when complete, which pulls the rug
        raise RunError(
            "Expected the name of a new folder for the run; got the one that you are in.",
            hint="For example --out my-run.",
            code="run-exists",
        )
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise RunError(
            f"Expected a new folder for the run; {path} exists already.",
            hint=f"Choose another --out, go on with --resume {path}, "
            f"or remove it with 'latens runs rm {path}'."
            if (path / "spec.json").is_file()
            else "Choose another --out.",
            code="run-exists",
        )


def _ends_with_newline(file: Path) -> bool:
    with file.open("rb") as opened:
        opened.seek(-1, os.SEEK_END)
        return opened.read(1) == b"\n"
