"""What the option parser complains of, said the way latens says everything else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from latens.errors import UsageError, unknown_name


def is_usage(error: Exception) -> bool:
    """Whether `error` came from the option parser (typer's, whichever it brings along)."""
    return hasattr(error, "format_message")


def told(error: Any, arguments: Sequence[str]) -> UsageError:
    """A parser's error as "Expected ...; got ...", with the command whose help tells more."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "latens"
    hint = f"See '{command} --help'."
    if not error.format_message():  # no arguments at all: the help has just been printed
        return UsageError(f"Expected a command after '{command}'; got none.", hint=hint)
    if hasattr(error, "possibilities"):
        return _unknown_option(error, command, hint)
    if getattr(error, "param", None) is not None:
        return _bad_value(error, arguments, hint)
    return _unknown_command(error, command) or UsageError(error.format_message(), hint=hint)


def _unknown_option(error: Any, command: str, hint: str) -> UsageError:
    near = " or ".join(error.possibilities or ())
    return UsageError(
        f"Expected an option of '{command}'; got {error.option_name}.",
        hint=f"Did you mean {near}?" if near else hint,
        code="unknown-option",
    )


def _bad_value(error: Any, arguments: Sequence[str], hint: str) -> UsageError:
    """A missing value, one that is not among those known, or one that cannot be read."""
    named = (error.param.metavar or "") if error.param.param_type_name == "argument" else ""
    name = named or max(error.param.opts, key=len)
    reason = str(error.message or "").removeprefix("Value error, ").rstrip(".")
    if not reason:
        return UsageError(f"Expected {name}; got none.", hint=hint, code="missing-argument")
    came, *known = re.findall(r"'([^']*)'", reason) or [""]
    if "is not one of" in reason and known:
        near = difflib.get_close_matches(came, known, n=1)
        return UsageError(
            f"Expected one of {', '.join(known)} for {name}; got {came!r}.",
            hint=f"Did you mean {near[0]}?" if near else hint,
            code="unknown-value",
        )
    typed = _typed(name, arguments)
    return UsageError(f"Expected a usable value for {name}; got {typed}: {reason}.", hint=hint)


def _typed(option: str, arguments: Sequence[str]) -> str:
    """What was given for `option`, as it was typed."""
    for number, argument in enumerate(arguments):
        if argument.startswith(f"{option}="):
            return repr(argument.partition("=")[2])
        if argument == option and number + 1 < len(arguments):
            return repr(arguments[number + 1])
    return "another"


def _unknown_command(error: Any, command: str) -> UsageError | None:
    found = re.match(r"No such command '([^']*)'", error.format_message())
    commands = getattr(getattr(error.ctx, "command", None), "commands", None)
    return unknown_name("command", found[1], commands) if found and commands else None
