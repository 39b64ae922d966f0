"""What people see: text and tables on standard output, bars on standard error.

With ``--json`` standard output carries one JSON document and everything else goes to standard
error. rich is imported when something is shown, so that help stays quick.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from latens.errors import LatensError
from latens.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from latens.train.records import EpochRecord, Observer, StepRecord

_MARKS = {"error": "[red]✗[/red]", "warning": "[yellow]![/yellow]", "info": "[blue]i[/blue]"}


class Screen:
    """Where a command speaks."""

    def __init__(self, *, as_json: bool) -> None:
        from rich.console import Console

        self.as_json = as_json
        self.err: Console = Console(stderr=True, highlight=False)
        self.out: Console = self.err if as_json else Console(highlight=False)

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

        self.say("", *(f"Next: [bold cyan]{escape(command)}[/bold cyan]" for command in commands))

    def error(self, error: LatensError) -> None:
        """One sentence, and the mend."""
        from rich.markup import escape

        self.err.print(f"[bold red]Error:[/bold red] {escape(error.message)}", soft_wrap=True)
        if error.hint:
            self.err.print(f"[bold]Try:[/bold] {escape(error.hint)}", soft_wrap=True)

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
            done = (record.epoch - 1) * record.steps + record.step
            total = record.epochs * record.steps
            self._show(record.phase, done, total, {**self._latest, **record.train})
        elif isinstance(record, EpochRecord):
            self._latest = {f"val {name}": value for name, value in record.val.items()}
            task = self._tasks.get(record.phase)
            if task is None:
                return
            total = int(self._bars.tasks[self._bars.task_ids.index(task)].total or 1)
            self._show(record.phase, int(total * record.epoch / record.epochs), int(total),
                       {**self._latest, **record.train})  # fmt: skip

    def _count(self, what: str, done: int, total: int) -> None:
        self._show(what, done, total, {})

    def _show(self, what: str, done: int, total: int, numbers: dict[str, float]) -> None:
        text = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total, numbers=text)
        task = self._tasks[what]
        self._bars.update(task, completed=done, total=total, numbers=text)
        if done >= total:
            self._bars.update(task, visible=False)
            del self._tasks[what]


def duration(seconds: float) -> str:
    """A time as people say it: 0.4 s, 12 s, 3 min 20 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def plural(count: int, one: str) -> str:
    """A count with its noun: 1 epoch, 2 epochs, 1,797 images."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"
