"""A progress bar on the terminal; silence is no progress at all."""

from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


@dataclass
class Bar:
    """A bar on the terminal: rows evaluated and the time left."""

    label: str = "explaining"
    _bar: Progress | None = field(default=None, repr=False)
    _task: TaskID = field(default=TaskID(0), repr=False)

    def start(self, total: int) -> None:
        """Show the bar."""
        columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        console = Console(stderr=True)
        shown = console.is_terminal or console.is_jupyter  # a file would be filled with blank lines
        self._bar = Progress(
            TextColumn("{task.description}"),
            *columns,
            console=console,
            transient=True,
            disable=not shown,
        )
        self._task = self._bar.add_task(self.label, total=total)
        self._bar.start()

    def advance(self, rows: int) -> None:
        """Move the bar on."""
        if self._bar:
            self._bar.advance(self._task, rows)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()
