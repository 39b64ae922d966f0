"""What people see: text and tables on standard output, bars on standard error.

With ``--json`` standard output carries one JSON document and everything else goes to standard
error. rich is imported when something is shown, so that help stays quick.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latens.errors import Interrupted, LatensError
from latens.errors import plural as plural
from latens.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from latens.train.records import EpochRecord, Observer, StepRecord

WIDE = 200
_MARKS = {"error": "[red]✗[/red]", "warning": "[yellow]![/yellow]", "info": "[blue]i[/blue]"}


class Screen:
    """Where a command speaks."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.err: Console = _console(stderr=True)
        self.out: Console = self.err if as_json else _console()

    def say(self, *lines: str) -> None:
        """Print lines of rich markup; wrap at words only, so that paths can be copied."""
        for line in lines:
            self.out.print(line, soft_wrap=True)

    def plain(self, text: str) -> None:
        """Print text as it is."""
        self.out.print(text, markup=False, soft_wrap=True)

    def document(self, value: Any) -> None:
        """Print the one JSON document of ``--json``; does nothing without."""
        if self.as_json:
            text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def findings(self, findings: list[dict[str, str]]) -> None:
        """Print each finding on a line with its mark and code."""
        from rich.markup import escape

        for finding in findings:
            mark = _MARKS[finding["severity"]]
            self.say(f"{mark} {escape(finding['message'])} [dim]({finding['code']})[/dim]")

    def verdicts(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Print the sentence of each comparison behind a dot in the colour of its verdict."""
        from rich.markup import escape

        for item in items:
            colour = {"gain": "green", "loss": "red"}.get(item["verdict"], "yellow")
            self.say(f"  [{colour}]●[/{colour}] {escape(item['sentence'])}")

    def table(
        self, title: str, columns: list[str], rows: list[list[str]], right: tuple[str, ...] = ()
    ) -> None:
        """Print a table; the columns named in `right` hold numbers."""
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for name in columns:
            table.add_column(name, justify="right" if name in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self.out.print(table)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print names and values in two columns."""
        width = max(map(len, facts))
        for name, value in facts.items():
            self.plain(f"{name:>{width}}  {value}")

    def next(self, *commands: str) -> None:
        """Name the commands to type next."""
        from rich.markup import escape

        lines = map(escape, map(typed, commands))
        self.say("", *(f"Next: [bold cyan]{line}[/bold cyan]" for line in lines))

    def error(self, error: LatensError) -> None:
        """One sentence, and the mend; to have stopped it is no error."""
        from rich.markup import escape

        stopped = isinstance(error, Interrupted)
        opening, mend = ("", "") if stopped else ("[bold red]Error:[/] ", "[bold]Try:[/] ")
        self.err.print(f"{opening}{escape(error.message)}", soft_wrap=True)
        if error.hint:
            self.err.print(f"{mend}{escape(error.hint)}", soft_wrap=True)

    @contextmanager
    def bars(self) -> Iterator[Watcher]:
        """Progress bars on standard error, if that is a terminal, while the block runs."""
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"), BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("[dim]{task.fields[numbers]}[/dim]"),
        )  # fmt: skip
        hidden = not self.err.is_terminal
        with Bars(*columns, console=self.err, transient=True, disable=hidden) as bars:
            yield Watcher(bars)


class Watcher:
    """Turns records and progress calls into bars."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._latest: dict[str, float] = {}

    @property
    def observer(self) -> Observer:
        """For a training: one bar a phase, with the running metrics and the time left."""
        return self._observe

    @property
    def progress(self) -> Progress:
        """For anything else that counts up."""
        return self._count

    def _observe(self, record: StepRecord | EpochRecord) -> None:
        from latens.train.records import EpochRecord, StepRecord

        if isinstance(record, StepRecord):
            # In epochs, not steps: there are fewer steps in an epoch once the batches have grown.
            done = record.epoch - 1 + record.step / record.steps
            self._show(record.phase, done, record.epochs, {**self._latest, **record.train})
        elif isinstance(record, EpochRecord):
            self._latest = {f"val {name}": value for name, value in record.val.items()}
            if record.phase in self._tasks:
                numbers = {**self._latest, **record.train}
                self._show(record.phase, record.epoch, record.epochs, numbers)

    def _count(self, what: str, done: int, total: int) -> None:
        self._show(what, done, total, {})

    def _show(self, what: str, done: float, total: int, numbers: dict[str, float]) -> None:
        text = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total, numbers=text)
        task = self._tasks[what]
        self._bars.update(task, completed=done, total=total, numbers=text)
        if done >= total:
            self._bars.update(task, visible=False)
            del self._tasks[what]


def _console(*, stderr: bool = False) -> Console:
    """A console; what is piped or kept in a file is not folded at the width of a terminal."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    return console


def typed(command: str) -> str:
    """A command as it works in this shell: `latens` may be found by its path alone."""
    program, space, rest = command.partition(" ")
    if program != "latens":
        return command
    return f"{_program(sys.argv[0])}{space}{rest}"


def _program(called: str) -> str:
    """How the running program is called: by name where the shell finds it, else as it was."""
    file, found = Path(called), shutil.which("latens")
    if file.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m latens"
    if file.name != "latens" or file.name == called or (found and file.samefile(found)):
        return "latens"
    return shlex.quote(called)


def duration(seconds: float) -> str:
    """A time as people say it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 0.05:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(count: float) -> str:
    """Bytes as people say them: 19 kB, 52.3 MB, 1.2 GB."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB")):
        if count >= unit:
            return f"{count / unit:,.{1 if count < 100 * unit else 0}f} {name}"
    return f"{count / 1024:,.0f} kB" if count >= 1024 else f"{count:.0f} bytes"
