"""The command `latens`, and how failures end."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

import typer

from latens import processes
from latens.cli import (
    compare,
    data,
    explore,
    keras_files,
    menu,
    options,
    parallel,
    reuse,
    runs,
    study,
    sweep,
    train,
    usage,
)
from latens.cli.screen import Screen
from latens.errors import (
    FieldError,
    Interrupted,
    LatensError,
    RunError,
    TrainingError,
    UsageError,
)

HELP = """Pretrain autoencoders on images, reuse their encoders for classification, and learn
honestly whether that helped.

Begin with:  latens demo

Then, with MNIST's four files in a folder:  latens pretrain ./mnist
"""

app = typer.Typer(
    name="latens",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train.add_to(app)
reuse.add_to(app)
explore.add_to(app)
compare.add_to(app)
runs.add_to(app)
data.add_to(app)
study.add_to(app)
keras_files.add_to(app)
menu.add_to(app)
sweep.add_to(app)
parallel.add_to(app)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; works anywhere."),
) -> None:
    """Options that come before the command."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"latens {installed('latens')}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; every failure ends in one sentence and an exit code of its kind."""
    debug = "--debug" in sys.argv
    arguments = options.without_bare_augment([a for a in sys.argv[1:] if a != "--debug"])
    if not processes.leads():
        _follow(arguments, debug=debug)
    try:
        _require_one_process(arguments)
        code = app(arguments, prog_name="latens", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # as in `latens runs list | head`: nobody reads on, nothing to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:
        if debug:
            traceback.print_exc()
        sys.exit(_fail(_as_told(error, arguments), arguments))
    except KeyboardInterrupt:
        code = Interrupted.exit_code
    if code == Interrupted.exit_code:  # typer may turn Ctrl-C into this code, and say nothing
        sys.exit(_fail(_STOPPED, arguments))
    sys.exit(code if isinstance(code, int) else 0)


_TRAIN, _HELP = {"pretrain", "classify"}, {"-h", "--help", "--version"}
_STOPPED = Interrupted("Stopped.", hint="Nothing that was saved is lost.")


def _require_one_process(arguments: list[str]) -> None:
    """Raise `UsageError` where several processes would do the same thing over each other."""
    command = [a for a in arguments[:1] if not _HELP & {*arguments}]
    if processes.count() > 1 and command and command[0] not in _TRAIN:
        raise UsageError(
            f"Expected pretrain or classify in {processes.count()} processes; got {command[0]}.",
            hint="Run it without torchrun.",
            code="one-process",
        )


def _follow(arguments: list[str], *, debug: bool) -> NoReturn:
    """Be one of several processes, but not the first: it reads what was typed, and speaks for all.

    Only an error that it cannot know of is told here. Ctrl-C while this one waits ends it at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not _TRAIN & {*arguments[:1]} or _HELP & {*arguments}:
        sys.exit(0)
    try:
        with Path(os.devnull).open("w") as out, redirect_stdout(out), redirect_stderr(out):
            from latens.app.following import follow

            follow()
    except Exception as error:
        if debug:
            traceback.print_exc()
        told = _as_told(error, arguments)
        if getattr(error, "__notes__", ()):
            told.message = f"Process {processes.rank()}: {told.message}"
            Screen(as_json=True).error(told)
        sys.exit(told.exit_code)
    sys.exit(0)


def _fail(told: LatensError, arguments: list[str]) -> int:
    if "--json" in arguments:
        document = {"code": told.code, "message": told.message, "hint": told.hint}
        print(json.dumps({"error": document}, indent=2))  # noqa: T201
    else:
        Screen(as_json=True).error(told)
    return told.exit_code


def _as_told(error: Any, arguments: list[str]) -> LatensError:
    """Any exception as an error for people; our own mistakes are said to be ours."""
    if isinstance(error, FieldError):
        return usage.by_flag(error, arguments)
    if isinstance(error, LatensError):
        return error
    if type(error).__name__ == "Abort":
        return _STOPPED
    if usage.is_usage(error):
        return usage.told(error, arguments)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):  # numpy, torch
        return _memory()
    if isinstance(error, OSError) and error.errno:
        return _disk(error)
    return LatensError(
        f"Something in latens went wrong that is not your mistake: {error!r}.",
        hint="Run it again with --debug and report what it shows.",
        code="internal",
    )


def _memory() -> TrainingError:
    return TrainingError(
        "Expected enough memory for the images and the network; it ran out.",
        hint="Use smaller images (--size), a smaller --batch-size, or 'latens data pack'.",
        code="no-memory",
    )


def _disk(error: OSError) -> LatensError:
    """What the system refused and no room of latens has told better."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TrainingError(
            "Expected room on the disk; it is full.",
            hint="Free some space; nothing that was already saved is lost.",
            code="disk-full",
        )
    place = f" {error.filename}" if error.filename else " a file"
    return RunError(
        f"Expected to be able to read and write{place}; got: {error.strerror}.",
        hint="Check that it is there, and its permissions.",
        code="file",
    )
