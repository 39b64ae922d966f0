"""What the option parser complains of, said the way latens says everything else."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Sequence
from typing import Any

from latens.app import settings
from latens.errors import FieldError, UsageError, in_words, unknown_name


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
    typed = error.option_name.lstrip("-").replace("-", "_")
    other = f"--{settings.ELSEWHERE.get(typed, '').replace('_', '-')}"
    known = {flag for param in error.ctx.command.params for flag in param.opts} if error.ctx else ()
    near = other if other in known else " or ".join(error.possibilities or ())
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
    came, wanted = _typed(name, arguments) or "another", _wanted(error)
    if wanted:
        return UsageError(f"Expected {wanted} for {name}; got {came}.", hint=hint, code="bad-value")
    return UsageError(
        f"Expected a usable value for {name}; got {came}: {reason}.", hint=hint, code="bad-value"
    )


def _wanted(error: Any) -> str:
    """In plain words, where the parser's complaint comes from pydantic; else empty."""
    found = getattr(error.__cause__, "errors", None)
    return in_words(found()[0]["type"], found()[0].get("ctx", {})) if found else ""


def by_flag(error: FieldError, arguments: Sequence[str]) -> FieldError:
    """The error under the name that was typed: the field of a ``--set``, or a flag."""
    for field in _set_fields(arguments):
        if _without_numbers(field) == _without_numbers(error.field):
            return error.named(field, f"Change --set {field}, or leave it out.")
    flag = "--" + error.field.rpartition(".")[2].replace("_", "-")
    if _typed(flag, arguments) is None:
        return error
    return error.named(flag, f"See 'latens {arguments[0]} --help'.")


def _set_fields(arguments: Sequence[str]) -> list[str]:
    """The fields given as ``--set FIELD=VALUE`` or ``--set=FIELD=VALUE``."""
    after = [pair for flag, pair in itertools.pairwise(arguments) if flag == "--set"]
    joined = [a.removeprefix("--set=") for a in arguments if a.startswith("--set=")]
    return [pair.partition("=")[0].strip() for pair in (*after, *joined)]


def _without_numbers(field: str) -> str:
    """``phases.learning_rate`` for ``phases.0.learning_rate``."""
    return ".".join(part for part in field.split(".") if not part.isdigit())


def _typed(option: str, arguments: Sequence[str]) -> str | None:
    """What was given for `option`, as it was typed; None if it was not."""
    for number, argument in enumerate(arguments):
        if argument.startswith(f"{option}="):
            return repr(argument.partition("=")[2])
        if argument == option and number + 1 < len(arguments):
            return repr(arguments[number + 1])
    return None


def _unknown_command(error: Any, command: str) -> UsageError | None:
    found = re.match(r"No such command '([^']*)'", error.format_message())
    commands = getattr(getattr(error.ctx, "command", None), "commands", None)
    return unknown_name("command", found[1], commands) if found and commands else None
