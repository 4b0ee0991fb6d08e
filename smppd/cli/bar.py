"""The progress of one file as a bar, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from smppd.cli.following import Done, InWork, Whereabouts
from smppd.cli.waiting import in_words


class Bar:
    """A `waiting.Watcher`. The bar has no end until every line has been read."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, where: Whereabouts) -> None:
        """See `waiting.Watcher`."""
        if isinstance(where, InWork):
            total = where.total if where.read else None
            self._update(completed=where.done, total=total, says=in_words(where))
        elif isinstance(where, Done):
            count = sum(where.states.values())
            self._update(completed=count, total=count, says="done")
        else:
            self._update(completed=0, total=None, says=in_words(where))

    def _update(self, *, completed: int, total: int | None, says: str) -> None:
        self._progress.update(self._task, completed=completed, total=total, description=says)


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )


@contextmanager
def bar() -> Iterator[Bar]:
    """A bar on standard output while the context lasts."""
    with Progress(*_columns()) as progress:
        yield Bar(progress, progress.add_task("is being handed in", total=None))


class Counter:
    """Shows how many of a known number are done."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, done: int) -> None:
        """So many are done now."""
        self._progress.update(self._task, completed=done)


@contextmanager
def counting(total: int, says: str) -> Iterator[Counter]:
    """A bar on standard output that runs to `total` while the context lasts."""
    with Progress(*_columns()) as progress:
        yield Counter(progress, progress.add_task(says, total=total))


@contextmanager
def reading_bar(octets: int | None) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while a file of so many octets is read, where somebody watches it.
    It is told how many lines have been read, and octets."""
    console = Console(stderr=True)
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("is being read", total=octets)

        def show(lines: int, reached: int) -> None:
            progress.update(task, completed=reached, description=f"{lines:,} lines read")

        yield show
